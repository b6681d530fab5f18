//! What a failed probe says about the backend and the way to it, in a sentence (T-02 to T-06).
//!
//! It is read off the answer alone: nothing is looked up, and no firewall is touched to find out.

use poise_ipc::health::ProbeAnswer;
use poise_ipc::model::CodeRange;
use poise_ipc::status::{Phase, Reason, Verdict};

/// The sentence; none where the verdict says it all.
pub(crate) fn reading(answer: &ProbeAnswer) -> Option<String> {
    let Verdict::Fail { phase, reason, code } = answer.verdict else { return None };
    let who = answer.way.map_or_else(|| "poised".to_owned(), |way| way.to_string());
    let says = match (phase, reason) {
        (Phase::Resolve, _) => "its name leads nowhere: nothing was sent".to_owned(),
        (Phase::Connect, Reason::Refused) => {
            "its host answers and refuses: nothing listens there, or a firewall rejects".to_owned()
        }
        (Phase::Connect, Reason::Timeout) => {
            format!("nothing answers: its host is down, or a firewall drops what comes from {who}")
        }
        (Phase::Connect, Reason::Unreachable) => {
            format!("there is no way to it, or a firewall rejects what comes from {who}")
        }
        (Phase::Response, Reason::Code) => {
            let code = code.map_or_else(|| "another code".to_owned(), |code| code.to_string());
            format!("it answers {code}, and what passes is {}", codes(&answer.expect))
        }
        (Phase::Send | Phase::Response | Phase::Body, Reason::Timeout) => {
            "it lets connect and does not answer in time: its application hangs or is overloaded".to_owned()
        }
        (Phase::Send | Phase::Response | Phase::Body, Reason::Reset) => {
            "it ends the connection before its answer is whole: its application fails, or speaks something else"
                .to_owned()
        }
        (_, Reason::Local) => "poised could not send it: descriptors or ports are used up".to_owned(),
        _ => return None,
    };
    Some(says)
}

fn codes(expect: &[CodeRange]) -> String {
    let range = |range: &CodeRange| {
        if range.low == range.high { range.low.to_string() } else { format!("{}-{}", range.low, range.high) }
    };
    expect.iter().map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
