"""How to read the report: its terms, its statistics and its verdicts."""

from replication.paper.words import WORDS
from replication.report.study import Study
from replication.report.tables import markdown


def methods_text(study: Study) -> list[str]:
    """The paragraphs of the section, and the table of verdict words."""
    samples = study.params.evaluation.bootstrap_samples
    verdicts = [[f"{sign} {word}", meaning] for word, (sign, meaning) in WORDS.items()]
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
        "minus RI of ours, in percentage points: 0 is the same effect. The *effect ratio* is the "
        "mean improvement of ours over that of the paper: 1 is the same effect, 0 or less is an "
        "effect lost. Both are as Breuer et al. define them (SIGIR 2020). The effect ratio needs "
        "the paper's absolute figures, delta RI its relative ones alone.",
        "**No test against the paper.** No variance of its figures is known here, nor its scores "
        "per impression. Whether our figure differs *significantly* from the paper's is not "
        "testable. A verdict compares with a tolerance instead, and each tolerance says where it "
        "is from.",
        f"**Intervals and tests of our own runs.** Intervals hold 95 % of {samples:,} bootstrap "
        "replicates (normal multipliers) over users, clicked articles and seeds; differences "
        "draw the same for both sides. Impressions of one user, and those in which one article "
        "is clicked (one of several, too), depend on each other: tests are paired t-tests with "
        "the two-way variance of Cameron, Gelbach and Miller (2011), to which the spread between"
        " seeds adds (degrees of freedom as Welch and Satterthwaite have them). *Naive* is what "
        "the same runs give if impressions are taken as independent. Where a place was run with "
        "one seed, the spread of seeds measured on this study's repeated runs stands in; without"
        " any, intervals leave out what another seed would change, and claims are undecided. p "
        "(Holm) is corrected by Holm's method for all tests of the same family. Metrics are "
        "MIND's official ones, each the plain mean over impressions. `docs/claims.md` has the "
        "rules with their rate of false verdicts and power, `docs/independence.md` what these "
        "intervals hold.",
        "**Verdicts.** A claim says that something is so, and may put a figure on it, whose size "
        "is a second question, answered by the interval and the tolerance. One word tells both. On "
        "other data than the paper's no claim is tested: what they showed stands beside it, "
        "without a sign.",
        markdown(["verdict", "meaning"], verdicts, text_columns=2).rstrip(),
    ]
