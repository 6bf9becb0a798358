"""Fields of ECS 9 that an alert may use, by type, with the values if they are few.

From https://www.elastic.co/docs/reference/ecs.
``[]`` after a type: a list of such values is usual there.
"""

FIELDS = {
    "@timestamp": "date",
    "message": "text",
    "labels.*": "keyword",
    "ecs.version": "keyword",
    "event.kind": "keyword: alert asset enrichment event metric state pipeline_error signal",
    "event.id": "keyword",
    "event.category": (
        "keyword[]: api authentication configuration database driver email file host iam intrusion_detection library "
        "malware network package process registry session threat vulnerability web"
    ),
    "event.type": (
        "keyword[]: access admin allowed change connection creation deletion denied end error group indicator info "
        "installation protocol start user"
    ),
    "event.action": "keyword",
    "event.module": "keyword",
    "event.dataset": "keyword",
    "event.provider": "keyword",
    "event.original": "keyword",
    "event.reason": "keyword",
    "event.severity": "long",
    "event.risk_score": "float",
    "event.start": "date",
    "event.end": "date",
    "rule.id": "keyword",
    "rule.name": "keyword",
    "rule.category": "keyword",
    "rule.version": "keyword",
    "observer.product": "keyword",
    "observer.vendor": "keyword",
    "observer.version": "keyword",
    "observer.type": "keyword",
    "related.ip": "ip[]",
    "related.user": "keyword[]",
    "related.hosts": "keyword[]",
    "host.name": "keyword",
    "user.name": "keyword",
}
