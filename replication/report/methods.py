"""How to read the report: its terms, its statistics and its verdicts."""

from replication.report.study import Study
from replication.report.tables import markdown
from replication.report.texts import VERDICTS


def methods_text(study: Study) -> list[str]:
    """The paragraphs of the section, and the table of verdict words."""
    samples = study.params.evaluation.bootstrap_samples
    verdicts = [[f"{sign} {word}", meaning] for word, (sign, meaning) in VERDICTS.items()]
    return [
        "**Reproducibility and replicability.** We use the terms as the ACM has had them since "
        "version 1.1 of its badging policy (2020). *Reproducibility*: a different team, the same "
        "experimental setup, that is the authors' own artefacts. *Replicability*: a different "
        "team, a different setup, that is artefacts made anew. Venues use the two words in "
        "opposite senses, among them the reproducibility track of ECIR from one year to another, "
        "and the ACM itself before 2020. By these terms the whole study is a replication: all code "
        "is ours. Protocol `released` follows the authors' released code, its slips included; "
        "protocol `clean` mends them.",
        "**Measures of agreement.** Relative improvement is RI = (mean a - mean b) / mean b, with "
        "a the advanced and b the baseline run. *Delta relative improvement* is RI of the paper "
        "minus RI of ours: 0 is the same effect. The *effect ratio* is the mean improvement of "
        "ours over that of the paper: 1 is the same effect, 0 or less is an effect lost. Both are "
        "as Breuer et al. define them (SIGIR 2020). The effect ratio needs the paper's absolute "
        "figures, delta RI its relative ones alone.",
        "**No test against the paper.** The paper gives neither variance nor scores per "
        "impression. Whether our figure differs *significantly* from the paper's is not testable. "
        "A verdict compares with a tolerance instead, and each tolerance says where it is from.",
        f"**Intervals and tests of our own runs.** Intervals hold 95 % of {samples:,} bootstrap "
        "replicates, which draw impressions and seeds anew; differences draw the same impressions "
        "for both sides. Impressions count as independent, although a user can have several: "
        "intervals are somewhat too narrow for that. With one seed they leave out what another "
        "seed would change. Tests are paired t-tests over impressions, which also count the spread "
        "between seeds where there are several (degrees of freedom as Welch and Satterthwaite have "
        "them). p (Holm) is corrected by Holm's method for all tests of the same family. Metrics "
        "are MIND's official ones, each the plain mean over impressions.",
        "**Verdicts.** A claim with several parts has the verdict of its least favourable part.",
        markdown(["verdict", "meaning"], verdicts, text_columns=2).rstrip(),
    ]
