//! Parsers of single values, for options and for the configuration.

use std::fmt;

use deadheat_core::model::{Environments, Part};

/// A month: longer times are refused, because clocks or arithmetic may not represent them.
pub(crate) const LONGEST_SECONDS: f64 = 2_592_000.0;

/// The part of a suite, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partition {
    This(Part),
    /// The part that the CI system's or scheduler's variables tell.
    Auto,
}

/// Parses `2/4` or `auto`.
pub(crate) fn parse_partition(text: &str) -> Result<Partition, String> {
    match text {
        "auto" => Ok(Partition::Auto),
        _ => text.parse().map(Partition::This),
    }
}

/// Parses `shared` or `per-ref`.
pub(crate) fn parse_environments(text: &str) -> Result<Environments, String> {
    match text {
        "shared" => Ok(Environments::Shared),
        "per-ref" => Ok(Environments::PerRef),
        _ => Err(format!("env `{text}`: write shared or per-ref")),
    }
}

/// Parses a number of MiB that fits into a count of bytes.
pub(crate) fn parse_memory_limit(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|mib| (1..=u64::MAX >> 21).contains(mib))
        .ok_or_else(|| format!("`{text}` is not a whole number of MiB (at least 1)"))
}

/// Where replicates are measured side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// On this number of cores of this machine.
    Local(usize),
    /// On the workers of the Dask scheduler at this address, such as `tcp://host:8786`.
    Dask(String),
}

/// Writes it as it is typed.
impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineChoice::Local(count) => write!(f, "local:{count}"),
            EngineChoice::Dask(address) => {
                let typed = DASK
                    .iter()
                    .find_map(|(ours, theirs)| Some((ours, address.strip_prefix(theirs)?)));
                typed.map_or(Ok(()), |(protocol, place)| write!(f, "{protocol}{place}"))
            }
        }
    }
}

/// The protocols of Dask's addresses, by the beginning of ours.
const DASK: [(&str, &str); 2] = [("dask://", "tcp://"), ("dask+tls://", "tls://")];

/// Parses `local:4`, `dask://host:8786` or `dask+tls://host:8786`.
pub(crate) fn parse_engine(text: &str) -> Result<EngineChoice, String> {
    if let Some(count) = text.strip_prefix("local:") {
        return match count.parse() {
            Ok(count) if (1..=1_024).contains(&count) => Ok(EngineChoice::Local(count)),
            _ => Err(format!("`{text}`: N of local:N is a number of cores")),
        };
    }
    let address = DASK
        .iter()
        .find_map(|(ours, theirs)| Some((theirs, text.strip_prefix(ours)?)));
    match address {
        Some((protocol, place)) if is_place(place) => Ok(EngineChoice::Dask(format!("{protocol}{place}"))),
        Some(_) => Err(format!(
            "`{text}`: write the scheduler's host and port, as in dask://host:8786"
        )),
        None => Err(format!("`{text}`: write local:N or dask://HOST:PORT")),
    }
}

fn is_place(place: &str) -> bool {
    let port = place
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse::<u16>()));
    matches!(port, Some((host, Ok(1..))) if !host.is_empty() && !host.contains(char::is_whitespace))
}

/// Parses `90` or `0.5`.
pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    if !(seconds > 0.0 && seconds <= LONGEST_SECONDS) {
        return Err(format!(
            "the time must be above 0 and at most {LONGEST_SECONDS} seconds"
        ));
    }
    Ok(seconds)
}

/// Parses `2` or `2%`.
pub(crate) fn parse_percent(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim()
        .trim_end_matches('%')
        .trim_end()
        .parse()
        .map_err(|_| format!("`{text}` is not a percentage; write 2 or 2%"))?;
    if !number.is_finite() || number <= 0.0 {
        return Err("the percentage must be above 0".to_owned());
    }
    Ok(number)
}
