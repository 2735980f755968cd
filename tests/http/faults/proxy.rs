//! A server that can be taken away: a port of this machine that passes on to it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is passed on.
    Open,
    /// It is passed on so much later.
    Slow(Duration),
    /// All connections are broken, and every new one at once.
    Cut,
}

/// Passes on until the test ends.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    line: watch::Sender<Line>,
}

impl Proxy {
    pub(crate) async fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, state) = watch::channel(Line::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, server.clone(), state.clone()));
            }
        });
        Self { port, line }
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn pass_on(client: TcpStream, server: (String, u16), mut line: watch::Receiver<Line>) {
    if *line.borrow() == Line::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (there, back) = (line.clone(), line.clone());
    tokio::select! {
        () = copy(&mut from_client, &mut to_server, there) => {}
        () = copy(&mut from_server, &mut to_client, back) => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    line: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let wait = if let Line::Slow(wait) = *line.borrow() { wait } else { Duration::ZERO };
        tokio::time::sleep(wait).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
