//! Reports, at the operator's terminal: by the running server, or on the database when none runs.
//!
//! What people have written is shown without control characters: nobody writes to the operator's terminal.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use keyfold_server::config::{Registrations, ReportsArguments, ReportsTask};
use keyfold_server::store::report::ReportId;
use keyfold_server::{OpenedReport, Refusal, ServerCore, open};
use keyfold_wire::ids::Timestamp;

use crate::admin;

/// Carries out one task, and prints what it came to.
pub(crate) async fn run(arguments: ReportsArguments) -> anyhow::Result<()> {
    let ReportsArguments { data, task } = arguments;
    if !data.is_dir() {
        bail!(
            "there is no data folder {}: start the server once, or give --data",
            data.display()
        );
    }
    let task = Task::read(task.unwrap_or(ReportsTask::List))?;
    let lines = if let Some(lines) = admin::ask(&data, &task.line()).await? {
        lines
    } else {
        let (core, committer) = open::core(&data, Registrations::Closed)?;
        let committer = tokio::spawn(committer.run());
        let lines = task.carry_out(&core).await;
        core.close();
        committer.await.context("the store's task broke")?;
        lines.map_err(|refusal| anyhow::anyhow!(words(refusal)))?
    };
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}

/// Why not.
pub(crate) fn words(refusal: Refusal) -> String {
    match refusal {
        Refusal::NotFound => "there is no such report".to_owned(),
        other => other.to_string(),
    }
}

/// What the operator wants of reports.
pub(crate) enum Task {
    List,
    Show(ReportId),
    Delete(ReportId),
}

impl Task {
    fn read(task: ReportsTask) -> anyhow::Result<Self> {
        let named = |id: &str| read_id(id).context("a report's id has 32 hexadecimal digits");
        Ok(match task {
            ReportsTask::List => Self::List,
            ReportsTask::Show { id } => Self::Show(named(&id)?),
            ReportsTask::Delete { id } => Self::Delete(named(&id)?),
        })
    }

    /// As it is asked for at the operator's door.
    fn line(&self) -> String {
        match self {
            Self::List => "reports".to_owned(),
            Self::Show(id) => format!("report {}", write_id(*id)),
            Self::Delete(id) => format!("forget {}", write_id(*id)),
        }
    }

    /// Reads [`Task::line`].
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if line == "reports" {
            return Some(Self::List);
        }
        let (what, id) = line.split_once(' ')?;
        match what {
            "report" => read_id(id).map(Self::Show),
            "forget" => read_id(id).map(Self::Delete),
            _ => None,
        }
    }

    /// Does it. The lines are for the operator.
    pub(crate) async fn carry_out(&self, core: &ServerCore) -> Result<Vec<String>, Refusal> {
        match self {
            Self::List => {
                let all = core.reports().await?.into_iter();
                Ok(all
                    .map(|(id, at)| format!("{}  {}", write_id(id), moment(at)))
                    .collect())
            }
            Self::Show(id) => Ok(shown(&core.report(*id).await?)),
            Self::Delete(id) => {
                core.delete_report(*id).await?;
                Ok(Vec::new())
            }
        }
    }
}

fn shown(report: &OpenedReport) -> Vec<String> {
    let mut lines = vec![
        format!("from      {}", person(report.by.as_ref())),
        format!("received  {}", moment(report.at)),
        format!("about     {}", person(report.account.as_ref())),
    ];
    lines.extend(indented("says      ", &report.about));
    lines.push(
        "By the word of who reports it; nothing proves that the following was said:".to_owned(),
    );
    for (sender, at, text) in &report.messages {
        lines.push(format!("{}  {}", moment(*at), person(sender.as_ref())));
        lines.extend(indented("          ", text));
    }
    lines
}

fn indented(first: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(number, line)| {
        let line: String = line.chars().filter(|one| is_plain(*one)).collect();
        if number == 0 {
            format!("{first}{line}")
        } else {
            format!("          {line}")
        }
    });
    lines.collect()
}

/// Neither a control character nor one that turns the direction of what follows.
fn is_plain(one: char) -> bool {
    let turns = matches!(one, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !one.is_control() && !turns && !matches!(one, '\u{2028}' | '\u{2029}')
}

fn person(handle: Option<&String>) -> &str {
    handle.map_or("(no account here)", String::as_str)
}

fn moment(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "(no time)".to_owned(), |at| at.to_string())
}

fn write_id(id: ReportId) -> String {
    format!("{:032x}", u128::from_be_bytes(id.0))
}

fn read_id(digits: &str) -> Option<ReportId> {
    let plain = digits.len() == 32 && digits.bytes().all(|one| one.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some(ReportId(number.to_be_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_again() {
        let id = ReportId([0xab; 16]);
        for task in [Task::List, Task::Show(id), Task::Delete(id)] {
            let line = task.line();
            assert_eq!(Task::parse(&line).unwrap().line(), line);
        }
        for line in ["report", "report 1", "forget zz", "reports now", ""] {
            assert!(Task::parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn nobody_writes_to_the_operators_terminal() {
        let lines = indented("says      ", "one\u{1b}[2J\n\u{202e}two\u{7}");
        assert_eq!(lines, ["says      one[2J", "          two"]);
        assert!(indented("says      ", "").is_empty());
    }
}
