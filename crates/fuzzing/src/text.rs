//! What a person's own programs read and show: a server's address, and text on its way to a terminal.

use keyfold_client::ServerUrl;

use crate::clean;

/// A server's address as typed or carried in a link.
pub fn server_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(url) = text.parse::<ServerUrl>() else {
        return;
    };
    let written = url.to_string();
    assert_eq!(written.parse::<ServerUrl>(), Ok(url.clone()), "{written}");
    assert!(!url.host().is_empty());
    assert!(
        !url.host().contains(['/', '@', '[', ']', '?', '#']),
        "{}",
        url.host()
    );
}

/// Received text: nothing of it commands the terminal.
pub fn shown_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let line = clean::line(text);
    assert!(!line.chars().any(clean::is_unsafe));
    assert_eq!(line.chars().count(), text.chars().count());
    for line in clean::lines(text) {
        assert!(!line.chars().any(clean::is_unsafe));
    }
    let json = clean::json(&serde_json::to_string(text).unwrap());
    assert!(!json.chars().any(clean::is_unsafe));
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
}
