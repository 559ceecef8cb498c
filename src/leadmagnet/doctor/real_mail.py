"""One real mail, on request: whether it leaves, and whether a bounce finds its way back."""

from __future__ import annotations

from leadmagnet.adapters.ses import Mail, Mailer, NotSent
from leadmagnet.doctor import checkup
from leadmagnet.doctor.findings import Finding, Surroundings, fail, ok

SIMULATOR = "bounce@simulator.amazonses.com"
WAITS, WAIT_SECONDS = 30, 2


def handed_over(given: Surroundings, mailer: Mailer, address: str) -> Finding:
    """One real mail to the address, which is not said again. One to SES's simulator has to come
    back as a bounce, the way that real ones take."""
    config = given.services.config
    started = checkup.database_time(given)
    text = "leadmagnet doctor sent this mail: whoever reads it knows that mail arrives."
    try:
        mailer.send(
            Mail(
                sender=config.mail_from,
                to=address,
                subject="leadmagnet doctor",
                text=text,
                html=f"<p>{text}</p>",
                configuration_set=config.ses_configuration_set,
                tags={"kind": "doctor"},
            )
        )
    except NotSent as error:
        said = f": {error.sentence}" if error.sentence else ""
        return fail(f"SES does not take it ({error.reason}){said}", "leadmagnet doctor")
    if address.lower() != SIMULATOR:
        return ok("SES took it; look into the mailbox")
    for _ in range(WAITS):
        if checkup.bounced(given, since=started):
            return ok("SES took it, and its bounce came back through SNS")
        given.sleep(WAIT_SECONDS)
    return fail(
        f"SES took it, and no bounce came back in {WAITS * WAIT_SECONDS} s",
        "leadmagnet doctor --category mail --category site",
    )
