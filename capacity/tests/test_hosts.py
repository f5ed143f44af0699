"""Which hosts are connected to, and which are refused with a sentence."""

import socket

import pytest

from capacity.collection.hosts import HostRefused, HostUnknown, check_host

pytestmark = pytest.mark.unit


@pytest.fixture
def names(monkeypatch):
    """Answers look-ups of names from a dict; addresses go to the real resolver, which asks nobody for them."""
    known = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host not in known:
            return real(host, *args, **kwargs)
        return [answer for address in known[host] for answer in real(address, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize(
    "host",
    [
        "/tmp",
        "/var/run/postgresql",
        "a,b",
        "x@y",
        "user:secret@db",
        "db:5432",
        "db 1",
        " db",
        "db\n",
        "db\t1",
        "db\x00",
        "db\x1b[31m",
        "\u202edb",
        "[::1]",
        "postgres://db",
        "db?sslmode=disable",
        "host=db",
        "fe80::1%eth0",
        "::1%a,b",
        "\\\\share",
        "",
        "d" * 254,
    ],
)
def test_it_refuses_what_is_not_one_host_name_or_address(host):
    with pytest.raises(HostRefused) as refused:
        check_host(host)

    assert refused.value.code == "host_refused"
    assert str(refused.value).isprintable()


def test_its_sentence_says_what_to_give():
    with pytest.raises(HostRefused, match="The host 'a,b' has a ',' in it: give one host name or IP address, without"):
        check_host("a,b")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0",
        "0.0.0.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "fe80::1",
        "ff02::1",
        "::",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",  # NAT64
        "64:ff9b:1::a9fe:a9fe",  # NAT64 of a site
        "64:ff9b:1:a9fe:a9:fe00::",
        "::a9fe:a9fe",  # compatible
        "::169.254.169.254",
        "::ffff:0:a9fe:a9fe",  # translated
        "2002:a9fe:a9fe::1",  # 6to4
        "2001:0:a9fe:a9fe::1",  # Teredo, its server
        "2001:0:a01:203::5601:5601",  # Teredo, its client
        "fd12::5efe:a9fe:a9fe",  # ISATAP
        "2001:db8::200:5efe:169.254.169.254",
        "2002:e000:1::",  # and 6to4 of what is refused for another reason
        "::ffff:100.100.100.200",
    ],
)
def test_it_refuses_link_local_multicast_unspecified_and_metadata_addresses(host):
    with pytest.raises(HostRefused, match="link-local, multicast, unspecified or cloud metadata address"):
        check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "::1",
        "fd12:3456::1",
        "8.8.8.8",
        "2002:a01:203::1",
        "2606:4700::1111",
    ],
)
def test_it_allows_loopback_private_and_public_addresses(host):
    assert check_host(host) == [host]


def test_it_gives_every_address_of_a_name_once(names):
    names["db.example"] = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "fd12::1"]

    assert check_host("db.example") == ["10.0.0.1", "10.0.0.2", "fd12::1"]


def test_it_allows_names_with_underscores_and_letters_of_other_scripts(names):
    names["my_db-1.näme"] = ["10.0.0.1"]

    assert check_host("my_db-1.näme") == ["10.0.0.1"]


def test_it_refuses_a_name_with_one_forbidden_address_among_others(names):
    names["rebind.example"] = ["10.0.0.1", "169.254.169.254"]

    with pytest.raises(HostRefused, match="rebind.example is 169.254.169.254"):
        check_host("rebind.example")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "." * 5, "d" * 100])
def test_a_name_without_an_address_is_unknown(host):
    with pytest.raises(HostUnknown, match="is not known: check its name, and the DNS of this machine") as unknown:
        check_host(host)

    assert unknown.value.code == "unknown_host"


@pytest.mark.parametrize("host", ["10.1.2.3", "::1", "::ffff:10.1.2.3"])
def test_hosts_inside_the_allowed_networks_pass(settings, host):
    settings.WHALEFALL_COLLECT_NETWORKS = ["10.1.0.0/16", "::1/128"]

    assert check_host(host) == [host]


@pytest.mark.parametrize("host", ["10.2.0.1", "127.0.0.1", "fd12::1"])
def test_hosts_outside_the_allowed_networks_are_refused(settings, host):
    settings.WHALEFALL_COLLECT_NETWORKS = ["10.1.0.0/16", "::1/128"]

    with pytest.raises(HostRefused, match="outside the networks of WHALEFALL_COLLECT_NETWORKS"):
        check_host(host)


def test_an_allowed_network_does_not_open_the_metadata_service(settings):
    settings.WHALEFALL_COLLECT_NETWORKS = ["0.0.0.0/0"]

    with pytest.raises(HostRefused, match="metadata"):
        check_host("169.254.169.254")
