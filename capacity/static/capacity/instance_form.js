// The form of an instance: shows the usual port and the grants of the engine that is chosen, and copies the grants.

window.addEventListener("DOMContentLoaded", () => {
    const engine = document.querySelector("#id_db_type");
    const port = document.querySelector("#id_port");
    const sections = document.querySelectorAll("[data-engine]");
    if (!engine || !port) return;

    function show() {
        for (const section of sections) {
            section.hidden = section.dataset.engine !== engine.value;
            if (!section.hidden) port.placeholder = section.dataset.port;
        }
    }

    engine.addEventListener("change", show);
    show();

    for (const button of document.querySelectorAll("[data-copy]")) {
        button.addEventListener("click", async () => {
            const text = document.getElementById(button.dataset.copy);
            try {
                await navigator.clipboard.writeText(text.textContent);
                button.textContent = button.dataset.copied;
            } catch {
                // Without https there is no clipboard: it is marked, to be copied by hand.
                window.getSelection().selectAllChildren(text);
            }
        });
    }
});
