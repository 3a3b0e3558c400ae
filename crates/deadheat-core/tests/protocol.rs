//! The driver's half of the golden conversations; `tests/test_protocol.py` holds a real worker to the other half.

use deadheat_core::protocol::{Request, decode_reply, encode_request};
use serde_json::Value;

const CONVERSATIONS: [(&str, &str); 15] = [
    (
        "measuring",
        include_str!("../../../tests/protocol/measuring.jsonl"),
    ),
    ("failures", include_str!("../../../tests/protocol/failures.jsonl")),
    (
        "no_collection",
        include_str!("../../../tests/protocol/no_collection.jsonl"),
    ),
    ("reaching", include_str!("../../../tests/protocol/reaching.jsonl")),
    (
        "observing",
        include_str!("../../../tests/protocol/observing.jsonl"),
    ),
    (
        "profiling",
        include_str!("../../../tests/protocol/profiling.jsonl"),
    ),
    (
        "surveying",
        include_str!("../../../tests/protocol/surveying.jsonl"),
    ),
    ("weighing", include_str!("../../../tests/protocol/weighing.jsonl")),
    (
        "no_tracing",
        include_str!("../../../tests/protocol/no_tracing.jsonl"),
    ),
    ("micro", include_str!("../../../tests/protocol/micro.jsonl")),
    (
        "micro_memory",
        include_str!("../../../tests/protocol/micro_memory.jsonl"),
    ),
    (
        "micro_function",
        include_str!("../../../tests/protocol/micro_function.jsonl"),
    ),
    (
        "micro_failures",
        include_str!("../../../tests/protocol/micro_failures.jsonl"),
    ),
    ("testing", include_str!("../../../tests/protocol/testing.jsonl")),
    (
        "testing_profiled",
        include_str!("../../../tests/protocol/testing_profiled.jsonl"),
    ),
];

#[test]
fn every_message_is_read_and_written_as_the_golden_files_have_it() {
    let mut requests = 0;
    let mut replies = 0;
    for (name, text) in CONVERSATIONS {
        let mut asked = false;
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let message = &entry["message"];
            if entry["from"] == "driver" {
                assert!(!asked, "{name}: two requests in a row");
                let request: Request = serde_json::from_value(message.clone()).unwrap();
                let written: Value = serde_json::from_slice(&encode_request(&request)).unwrap();
                assert_eq!(&written, message, "{name}");
                requests += 1;
            } else {
                assert!(asked, "{name}: a reply without a request");
                let reply = decode_reply(message.to_string().as_bytes()).unwrap();
                assert_eq!(&serde_json::to_value(&reply).unwrap(), message, "{name}");
                replies += 1;
            }
            asked = !asked;
        }
    }
    assert!(requests > 20 && requests == replies);
}

#[test]
fn what_is_no_reply_is_refused() {
    for line in [
        "",
        "{}",
        "[]",
        "{\"reply\":\"sing\"}",
        "{\"reply\":\"sample\",\"elapsed_ns\":-1}",
        "nonsense",
    ] {
        assert!(decode_reply(line.as_bytes()).is_err(), "{line}");
    }
}
