// What the theme leaves out for keyboards and screen readers.

// Its icons are words that a font draws: nobody wants them read out. Also those of parts that are loaded later.
function hideIcons() {
    for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
        icon.setAttribute("aria-hidden", "true");
    }
}

document.addEventListener("htmx:afterSettle", hideIcons);

window.addEventListener("load", () => {
    hideIcons();
    // What a chart shows is said around it; a canvas is asked itself.
    for (const chart of document.querySelectorAll("[role=img][aria-label]:has(canvas)")) {
        const canvas = chart.querySelector("canvas");
        for (const name of ["role", "aria-label"]) {
            canvas.setAttribute(name, chart.getAttribute(name));
            chart.removeAttribute(name);
        }
    }
    // Its switches are spans and anchors that only a mouse can click.
    for (const element of document.querySelectorAll("span, div, h2, a:not([href])")) {
        if (!element.hasAttribute("x-on:click") || getComputedStyle(element).cursor !== "pointer") continue;
        element.tabIndex = 0;
        element.setAttribute("role", "button");
        element.removeAttribute("aria-hidden");
        if (element.getAttribute("x-on:click").startsWith("sidebar")) {
            element.setAttribute("aria-label", document.querySelector("[data-menu]").dataset.menu);
        }
        element.addEventListener("keydown", (event) => {
            if (event.target === element && (event.key === "Enter" || event.key === " ")) {
                event.preventDefault();
                element.click();
            }
        });
    }
    // Fields and buttons without a name take that of what they belong to.
    const search = document.querySelector("#searchbar");
    search?.setAttribute("aria-label", search.placeholder);
    document.querySelector("#searchbar-submit")?.setAttribute("aria-label", search.placeholder);
    // After the select2 boxes are made, which is in callbacks of jQuery that were asked for before this one.
    window.django?.jQuery?.(() => {
        for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
            const [label, box] = [select.labels[0], select.nextElementSibling];
            if (!label || !box) continue;
            const chosen = box.querySelector("[role=combobox][aria-labelledby]");
            label.id ||= `${select.id}-label`;
            chosen?.setAttribute("aria-labelledby", `${label.id} ${chosen.getAttribute("aria-labelledby")}`);
            box.querySelector(".select2-search__field")?.setAttribute("aria-labelledby", label.id);
        }
    });
});

// Filters: whoever opens them stands at the first one, Enter applies what is chosen, Escape goes back to the list.
document.addEventListener("click", (event) => {
    if (event.target.closest?.("[x-on\\:click*='filterOpen = true']")) {
        const first = "#changelist-filter :is(input:not([type=hidden]), select, button, a)";
        setTimeout(() => document.querySelector(first)?.focus(), 50);
    }
});

document.addEventListener("keydown", (event) => {
    const filters = event.target.closest?.("#changelist-filter");
    if (filters && event.key === "Enter" && event.target.matches("input[type=radio]")) {
        event.preventDefault();
        event.target.form?.requestSubmit();
    }
    if (filters && event.key === "Escape") {
        document.querySelector("#changelist-filter-close")?.click();
        document.querySelector("[x-on\\:click*='filterOpen = true']")?.focus();
    }
    // From a row that is chosen to what can be done with it, past all the other rows.
    if (event.key === "Enter" && event.target.matches?.("input.action-select:checked")) {
        event.preventDefault();
        document.querySelector("#changelist-actions select")?.focus();
    }
});
