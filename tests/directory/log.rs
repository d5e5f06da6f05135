//! What the daemon says in its log, test by test: each runs in a thread of its own, and so does all
//! of its daemon that says something.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes for the thread that it is used in.
struct Here;

impl io::Write for Here {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.with_borrow_mut(|said| said.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen, once for the whole process.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Here).init());
}

/// What was said in this thread since the last look.
pub(crate) fn take() -> String {
    String::from_utf8_lossy(&SAID.take()).into_owned()
}
