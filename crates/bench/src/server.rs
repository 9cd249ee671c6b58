//! What an accepted and delivered message costs the server's processor, against the bare relay; and what an idle device
//! costs its memory.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::PAIRS;
use crate::measure::{median, micros};
use crate::process::Process;
use crate::report::Row;

const MESSAGES: usize = 500 * PAIRS;
const ROUNDS: usize = 5;
const TARGET: f64 = 2.0;

const DEVICES: usize = 10_000;
const MOST_KILOBYTES: f64 = 24.0;

/// How long devices rest before they are weighed: pings have gone round.
const REST: Duration = Duration::from_mins(1);

/// Two servers in turns.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Row>> {
    let (ours, theirs) = (folder.join("server"), folder.join("relay"));
    std::fs::create_dir_all(&ours)?;
    std::fs::create_dir_all(&theirs)?;
    let (server, server_address) = Process::server(&ours)?;
    let mut relay = Process::myself(&["relay", &theirs.display().to_string()])?;
    let line = relay.line()?;
    let relay_address = line.rsplit("https://").next().unwrap_or_default();
    let (mut ours_each, mut relay_each, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ours_rate, mut relay_rate) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (mine, rate) = press(&server, "server", &server_address, &ours)?;
        let (bare, bare_rate) = press(&relay, "relay", relay_address, &theirs)?;
        eprintln!("server: {mine:.1} µs, relay: {bare:.1} µs a message");
        // The first one warms up.
        if round > 0 {
            ours_each.push(mine);
            relay_each.push(bare);
            ratios.push(mine / bare);
            ours_rate.push(rate);
            relay_rate.push(bare_rate);
        }
    }
    Ok(vec![Row::ratio(
        "server, processor time for each message, accepted and delivered (64 senders, 64 receivers, TLS)",
        TARGET,
        median(&mut ratios),
        format!(
            "{:.1} µs; relay {:.1} µs ({:.0} and {:.0} messages a second on the wall, beside the load)",
            median(&mut ours_each),
            median(&mut relay_each),
            median(&mut ours_rate),
            median(&mut relay_rate),
        ),
    )])
}

/// Microseconds of a server's processor time for each message, and messages a second.
fn press(server: &Process, kind: &str, address: &str, folder: &Path) -> Result<(f64, f64)> {
    let ca = folder.join("ca/ca.pem").display().to_string();
    let count = MESSAGES.to_string();
    let mut load = Process::myself(&["load", kind, address, &ca, &count])?;
    ensure!(load.line()? == "ready", "the load is not ready");
    let (before, start) = (server.cpu()?, Instant::now());
    load.say("go")?;
    ensure!(load.line()? == "done", "the load is not done");
    let time = start.elapsed();
    let messages = u32::try_from(MESSAGES).map_or(1.0, f64::from);
    let used = server.cpu()?.saturating_sub(before);
    Ok((micros(used) / messages, messages / time.as_secs_f64()))
}

/// Ten thousand devices that are only there.
pub(crate) fn idle(folder: &Path) -> Result<Vec<Row>> {
    let place = folder.join("idle");
    std::fs::create_dir_all(&place)?;
    let (server, address) = Process::server(&place)?;
    let ca = place.join("ca/ca.pem").display().to_string();
    // What the first device brings with it is not the others' cost.
    let mut first = Process::myself(&["load", "idle", &address, &ca, "1"])?;
    ensure!(first.line()? == "ready", "the first device is not there");
    let before = server.resident()?;
    drop(first);
    let count = DEVICES.to_string();
    let start = Instant::now();
    let mut load = Process::myself(&["load", "idle", &address, &ca, &count])?;
    ensure!(load.line()? == "ready", "the devices are not there");
    eprintln!("idle: {DEVICES} devices after {:?}", start.elapsed());
    let at_once = server.resident()?.saturating_sub(before) / DEVICES as u64;
    std::thread::sleep(REST);
    let rested = server.resident()?.saturating_sub(before) / DEVICES as u64;
    load.say("go")?;
    ensure!(load.line()? == "done", "some devices have gone");
    let kilobytes = f64::from(u32::try_from(at_once.max(rested))?) / 1_024.0;
    let mut row = Row::ratio(
        "server, resident memory for each of 10,000 idle devices over TLS",
        MOST_KILOBYTES,
        kilobytes,
        format!("{at_once} bytes once all are there, {rested} after a minute"),
    );
    row.target.push_str(" KB");
    row.measured = format!("{kilobytes:.1} KB");
    Ok(vec![row])
}
