"""Words of administration commands, for the tokenizer's sample.

A public log corpus holds few of the command lines that ``sudo`` and ``audit`` write, so that names such as
``netns`` would fall to pieces. ``sudo_lines`` writes common commands the way sudo logs them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

COMMANDS = {
    "/bin/ip": "address add, address show, link set, link show, link delete, route add, route show, route flush, "
    "route replace, rule list, neighbor show, neighbor flush, netns add, netns list, netns delete, netns exec, "
    "netns identify, netns pids, netns monitor, tunnel add, tuntap add, maddress show, mroute show, xfrm policy, "
    "xfrm state, vrf show, tcp_metrics show, nexthop list, macsec show, l2tp show",
    "/sbin/bridge": "fdb show, link show, mdb show, vlan show",
    "/sbin/tc": "qdisc add, qdisc replace, class show, filter add",
    "/usr/sbin/brctl": "addbr, delbr, addif, delif, showmacs",
    "/usr/sbin/nft": "add table, add chain, add rule, list ruleset, flush ruleset",
    "/usr/sbin/iptables": "-A INPUT -j ACCEPT, -A FORWARD -j DROP, -I OUTPUT -j REJECT, -t nat -A PREROUTING -j DNAT, "
    "-t nat -A POSTROUTING -j MASQUERADE, -t mangle -F, -m conntrack --ctstate ESTABLISHED, -m multiport --dports",
    "/usr/sbin/ipset": "create, destroy, add, del, list, restore",
    "/usr/sbin/ufw": "allow, deny, enable, disable, reload, status verbose",
    "/usr/bin/firewall-cmd": "--reload, --permanent --add-service, --zone public --list-all, --remove-port",
    "/usr/bin/ovs-vsctl": "add-br, add-port, del-port, list-br, set Interface",
    "/usr/bin/ovs-ofctl": "dump-flows, add-flow, del-flows, dump-ports",
    "/usr/bin/neutron-rootwrap": "rootwrap.conf dnsmasq, rootwrap.conf haproxy, rootwrap.conf keepalived",
    "/usr/bin/systemctl": "start, stop, restart, reload, status, enable, disable, mask, unmask, isolate, edit, show, "
    "daemon-reload, reset-failed, is-active, is-enabled, list-units, list-timers, set-default, poweroff, reboot",
    "/usr/bin/journalctl": "--unit, --since yesterday, --follow, --vacuum-size, --disk-usage, --rotate",
    "/usr/bin/timedatectl": "set-timezone, set-ntp, timesync-status",
    "/usr/bin/hostnamectl": "set-hostname, status",
    "/usr/bin/loginctl": "list-sessions, terminate-session, enable-linger",
    "/usr/bin/resolvectl": "query, flush-caches, statistics",
    "/usr/bin/nmcli": "connection up, connection down, connection modify, device status",
    "/usr/sbin/service": "apache2 restart, nginx reload, ssh restart, mysql start, postgresql stop, cron status",
    "/sbin/chkconfig": "--add, --del, --list",
    "/usr/sbin/useradd": "--create-home, --system, --shell, --groups",
    "/usr/sbin/usermod": "--append --groups sudo, --append --groups wheel, --lock, --unlock",
    "/usr/sbin/userdel": "--remove, --force",
    "/usr/sbin/groupadd": "--system, --gid",
    "/usr/bin/gpasswd": "--add, --delete",
    "/usr/bin/passwd": "--lock, --unlock, --expire",
    "/usr/bin/chage": "--list, --maxdays, --warndays",
    "/usr/sbin/visudo": "--check, --strict",
    "/usr/bin/crontab": "-e, -l, -r",
    "/bin/mount": "-o remount, -o bind, -o loop, -t nfs, -t cifs, -t tmpfs, -t ext4, -t xfs, -t overlay",
    "/bin/umount": "--force, --lazy, --recursive",
    "/sbin/swapon": "--all, --show",
    "/sbin/parted": "mklabel gpt, mkpart primary, resizepart, print",
    "/sbin/losetup": "--find, --detach, --show",
    "/sbin/cryptsetup": "luksFormat, luksOpen, luksClose, luksDump",
    "/sbin/lvm": "lvcreate, lvextend, lvremove, lvs, vgcreate, vgextend, vgscan, vgs, pvcreate, pvscan, pvs",
    "/sbin/mdadm": "--assemble, --create, --detail, --examine",
    "/sbin/zpool": "status, scrub, import, export, create",
    "/sbin/zfs": "list, snapshot, rollback, send, receive",
    "/bin/chown": "root:root, www-data:www-data, --recursive nobody:nogroup",
    "/bin/chmod": "--recursive, --reference",
    "/usr/bin/chattr": "+a, +i",
    "/usr/bin/setfacl": "--modify, --remove-all",
    "/usr/bin/rsync": "--archive --delete, --compress, --partial",
    "/bin/tar": "--extract, --create --gzip, --exclude",
    "/bin/cat": "/etc/shadow, /etc/sudoers, /etc/fstab, /etc/resolv.conf, /var/log/messages, /var/log/syslog, "
    "/proc/cmdline, /proc/cpuinfo, /proc/meminfo",
    "/usr/bin/vim": "/etc/hosts, /etc/crontab, /etc/ssh/sshd_config, /etc/exports, /etc/network/interfaces",
    "/usr/bin/apt-get": "update, upgrade, install, remove, purge, autoremove, dist-upgrade",
    "/usr/bin/dpkg": "--install, --configure, --purge",
    "/usr/bin/yum": "install, update, erase, makecache, history undo, localinstall",
    "/usr/bin/dnf": "install, upgrade, downgrade, module enable, repoquery",
    "/bin/rpm": "--install, --erase, --verify, --import",
    "/usr/bin/zypper": "refresh, patch, install, dup",
    "/usr/bin/snap": "install, refresh, remove, revert",
    "/usr/bin/pip3": "install, uninstall, freeze",
    "/bin/kill": "-TERM, -KILL, -HUP, -USR1, -QUIT",
    "/usr/bin/killall": "--signal, --wait",
    "/usr/bin/nsenter": "--target --mount --uts --ipc --net --pid",
    "/usr/bin/unshare": "--net, --map-root-user, --fork",
    "/usr/sbin/chroot": "--userspec, --groups",
    "/usr/bin/strace": "--attach, --follow-forks",
    "/usr/bin/perf": "record, report, stat, top",
    "/usr/sbin/tcpdump": "--interface, --snapshot-length",
    "/usr/bin/openssl": "x509, req, s_client, verify, genrsa, pkcs12",
    "/usr/bin/certbot": "renew, certonly, certificates, revoke",
    "/usr/bin/gpg": "--import, --export, --recv-keys, --decrypt",
    "/sbin/sysctl": "--write, --system, --load",
    "/sbin/modprobe": "--remove, br_netfilter, nf_conntrack, overlay, vhost_net",
    "/sbin/shutdown": "--reboot, --halt, --poweroff",
    "/usr/sbin/semanage": "fcontext, port, boolean, permissive",
    "/usr/sbin/setenforce": "Permissive, Enforcing",
    "/sbin/auditctl": "-l, -D, -w, -S execve",
    "/sbin/ausearch": "--message, --interpret, --executable",
    "/usr/bin/fail2ban-client": "status, reload, set sshd banip, set sshd unbanip",
    "/usr/bin/docker": "run, exec, ps, pull, push, build, images, inspect, logs, stop, start, rm, rmi, compose up, "
    "compose down, network create, volume create, volume prune, system prune, swarm init, stack deploy",
    "/usr/bin/podman": "run, generate systemd, unshare",
    "/usr/bin/crictl": "pods, images, inspectp, rmp",
    "/usr/bin/kubectl": "get pods, get nodes, get services, get deployments, get namespaces, get events, describe "
    "ingress, apply, create configmap, create secret, delete, logs, exec, rollout restart, rollout undo, scale, "
    "cordon, uncordon, drain, taint, label, annotate, port-forward, proxy, patch daemonset, patch statefulset",
    "/usr/bin/kubeadm": "init, join, reset, upgrade plan, token create",
    "/usr/bin/helm": "install, upgrade, rollback, uninstall",
    "/usr/bin/virsh": "list, define, undefine, destroy, shutdown, migrate, dumpxml",
    "/usr/bin/qemu-img": "convert, resize, create, info",
    "/usr/bin/terraform": "init, plan, apply, destroy",
    "/usr/bin/ansible-playbook": "--inventory, --limit, --become",
    "/usr/bin/puppet": "agent, apply",
    "/usr/bin/git": "clone, fetch, pull, checkout, reset",
    "/usr/bin/pg_ctl": "promote, reload, initdb",
    "/usr/bin/mysqladmin": "processlist, flush-hosts, extended-status",
    "/usr/bin/rabbitmqctl": "list_queues, add_user, set_permissions, cluster_status",
    "/usr/sbin/apachectl": "configtest, graceful",
    "/usr/sbin/rndc": "reload, flush, freeze, thaw, querylog",
    "/usr/bin/chronyc": "tracking, sources, makestep",
    "/usr/bin/ipmitool": "chassis power, sensor list, sel elist, lan print",
    "/usr/bin/iscsiadm": "--mode discovery, --mode node --login, --mode session --rescan",
}
"""Programs by path, and what administrators call each with, comma-separated."""

USERS = ("root", "admin", "deploy", "nagios", "zabbix", "ubuntu", "stack", "jenkins")
TERMINALS = ("unknown", "pts/0", "pts/1", "tty1")
FOLDERS = ("/", "/root", "/etc", "/tmp", "/var/log", "/opt")


def sudo_lines(characters: float, seed: int) -> Iterator[str]:
    """About ``characters`` of text in sudo's format, every command as often as every other."""
    phrases = [
        f"{path} {' '.join(words.split())}"
        for path, requests in COMMANDS.items()
        for words in requests.split(",")
    ]
    rng = random.Random(f"{seed} sudo")
    while True:
        for phrase in rng.sample(phrases, len(phrases)):
            if characters <= 0:
                return
            line = (
                f"sudo: {rng.choice(USERS)} : TTY={rng.choice(TERMINALS)} ; PWD={rng.choice(FOLDERS)} ; "
                f"USER=root ; COMMAND={phrase}"
            )
            characters -= len(line)
            yield line
