//! What the playground says to the person before it.

use std::io::Write as _;

use crate::layout::Layout;
use crate::repository::shell_quoted;

/// Prints a line. A closed pipe is no error: nobody reads any more.
pub(crate) fn say(text: &str) {
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// Prints a line about something that went wrong.
pub(crate) fn error(text: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    drop(writeln!(
        anstream::stderr(),
        "{style}error{style:#}: {text}"
    ));
}

/// Prints a step of the start.
pub(crate) fn step(what: &str, detail: &str) {
    let style = anstyle::Style::new().bold();
    say(&format!("{style}{what:>12}{style:#}  {detail}"));
}

/// Prints what to try.
pub(crate) fn what_to_try(layout: &Layout, clusters: &[String]) {
    let bold = anstyle::Style::new().bold();
    let dim = anstyle::Style::new().dimmed();
    let repository = shell_quoted(&layout.repository());
    let bin = shell_quoted(&layout.bin());
    let last = clusters.last().map_or("", String::as_str);
    let first = clusters.first().map_or("", String::as_str);
    let command = |what: &str, lines: &[String]| {
        say(&format!("  {bold}{what}{bold:#}"));
        lines.iter().for_each(|line| say(&format!("    {line}")));
    };
    say("");
    say(&format!(
        "{bold}Try this{bold:#} {dim}(in another terminal){dim:#}"
    ));
    command(
        "Change something in Git, and see it everywhere in about a second",
        &[
            format!("cd {repository}"),
            "sed -i 's/shop-web:1.42.0/shop-web:1.43.0/' apps/shop-web/web.yaml".to_owned(),
            "git commit -qam 'Release shop-web 1.43.0'".to_owned(),
            format!("{bin}/kubectl-{last} -n shop get deployment shop-web -o wide"),
        ],
    );
    command(
        "Change something by hand, and see it put back and reported",
        &[
            format!("{bin}/kubectl-{last} -n shop scale deployment shop-web --replicas=9"),
            format!("{bin}/hub get drift"),
        ],
    );
    command(
        "Ask why",
        &[
            format!("{bin}/hub status"),
            format!("{bin}/hub get bundles"),
            format!("{bin}/hub explain {first} shop-web"),
        ],
    );
    command(
        "Kill a part, look, and start it again",
        &[
            format!("{bin}/part list"),
            format!("{bin}/part stop hub"),
            format!(
                "{bin}/kubectl-{first} -n shop delete deployment shop-web   # healed without the hub"
            ),
            format!("{bin}/part start hub"),
        ],
    );
    say(&format!(
        "  {dim}kubeconfigs: {}/CLUSTER/kubeconfig   logs: {}{dim:#}",
        layout.clusters().display(),
        layout.logs().display()
    ));
    say(&format!("  {dim}Ctrl-C stops everything.{dim:#}"));
    say("");
}
