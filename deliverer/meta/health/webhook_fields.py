"""Webhooks that Meta sends us: the app's subscription, its fields, and the address. Pure."""

from urllib.parse import urlsplit

from deliverer.meta.health.finding import NOT_META, Finding, Shown, list_objects

OBJECT = "whatsapp_business_account"
FIELDS: dict[str, str] = {
    "messages": "messages of citizens, and statuses of ours",
    "message_template_status_update": "a template that may not be sent, or may be again",
    "template_category_update": "a template that became marketing, for which an opt-out counts",
    "user_preferences": "a citizen who turned marketing off",
    "account_update": "a restriction, a violation or a ban",
    "account_review_update": "Meta's decision about the account",
    "account_alerts": "Meta's warnings about the account",
    "phone_number_name_update": "the decision about the name that citizens see",
    "security": "a PIN that was changed or requested",
}
"""Field on which Postkamer acts -> its use; docs/operators/first-day.md lists the same. Without the
first nothing works; without another an alarm is missing."""
ESSENTIAL = "messages"

NOBODY = (
    "No app receives the webhooks of this WhatsApp Business Account: messages of citizens do not"
    " arrive. Subscribe the app (POST /{WABA}/subscribed_apps)."
)
ANOTHER = (
    "Another app receives the webhooks of this WhatsApp Business Account, and the app of our token"
    " does not: messages of citizens do not arrive. Subscribe it (POST /{WABA}/subscribed_apps)."
)
ELSEWHERE = (
    "Meta sends this number's messages to another host than that of POSTKAMER_WEBHOOK_URL: mend the"
    " callback address of the number, the account or the app."
)
SUBSCRIBED = "The app receives the webhooks of this WhatsApp Business Account."
SOME_APP = "An app receives the webhooks; the token did not show if it is ours."
NO_WABA = "The WhatsApp Business Account is not known: set waba of the number in postkamer.toml."
NO_SECRET = (
    "Meta shows the fields to the app itself only: give the deliverer the app secret"
    " (POSTKAMER_META_APP_SECRETS) to have them checked."
)
WRONG_SECRETS = "None of the deliverer's app secrets is that of the app of our token."
REFUSED = Finding("unknown", WRONG_SECRETS)
"""Finding where Meta refuses each secret. With two apps they may be those of the other."""
SECRET_CHANGED = (
    "Meta accepts none of the app secrets, and no other app receives the webhooks: messages of"
    " citizens are answered 401. Put the secret that Meta shows (the app, Settings, Basic) into"
    " POSTKAMER_META_APP_SECRETS, and restart the gateway and the deliverer."
)
UNTRIED = "None of the first app secrets is that of the app of our token; others were not tried."
NO_APP = "The token did not show which app it belongs to: see the check of the token."
NO_WEBHOOK = "The app has no active webhook for WhatsApp: messages of citizens do not arrive."
NO_MESSAGES = "The app does not receive the field messages: messages of citizens do not arrive."
MISSING = "The app does not receive: {}. Choose them in the app's webhook settings."
ALL_FIELDS = "The app receives all {} fields that Postkamer uses."


def judge_subscription(shown: Shown, app: str) -> Finding:
    """Judge the apps that are subscribed to the account; `app` is ours, '' if it is not known."""
    if not isinstance(shown.get("data"), list):
        return Finding("unknown", NOT_META)
    ids = _subscribed_ids(shown)
    if not ids:
        return Finding("wrong", NOBODY)
    if not app:
        return Finding("fine", SOME_APP)
    return Finding("fine", SUBSCRIBED) if app in ids else Finding("wrong", ANOTHER)


def is_only_app(shown: Shown, app: str) -> bool:
    """Return True if this app, and no other, is subscribed to the account."""
    return bool(app) and _subscribed_ids(shown) == {app}


def _subscribed_ids(shown: Shown) -> set[str]:
    apps = [each.get("whatsapp_business_api_data") for each in list_objects(shown.get("data"))]
    return {str(each.get("id", "")) for each in list_objects(apps)}


def is_elsewhere(callback: str, webhook_url: str) -> bool:
    """Return True if Meta names an address on another host than ours; the path does not count."""
    try:
        hosts = [urlsplit(url).hostname for url in (callback, webhook_url)]
    except ValueError:
        return False
    return all(hosts) and hosts[0] != hosts[1]


def judge_fields(shown: Shown) -> Finding:
    """Judge the fields to which the app is subscribed."""
    if not isinstance(shown.get("data"), list):
        return Finding("unknown", NOT_META)
    found = next((s for s in list_objects(shown.get("data")) if s.get("object") == OBJECT), {})
    if not found or found.get("active") is False:
        return Finding("wrong", NO_WEBHOOK)
    names = {each.get("name") for each in list_objects(found.get("fields"))}
    missing = [name for name in FIELDS if name not in names]
    if ESSENTIAL in missing:
        return Finding("wrong", NO_MESSAGES)
    if missing:
        return Finding("warning", MISSING.format(", ".join(missing)))
    return Finding("fine", ALL_FIELDS.format(len(FIELDS)))


def find_callback(shown: Shown) -> str:
    """Return the address to which Meta sends the number's messages: that of the number, else that
    of the account, else the app's; '' if Meta names none."""
    addresses = shown.get("webhook_configuration")
    if not isinstance(addresses, dict):
        return ""
    order = (addresses.get(name) for name in ("phone_number", OBJECT, "application"))
    return next((each for each in order if isinstance(each, str) and each), "")
