//! A server that can be taken away: a port of this machine that passes on to it.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::postgres::TestSchema;

/// Passes on to the test's server until it is cut.
pub(crate) struct Cut {
    pub(crate) port: u16,
    open: watch::Sender<bool>,
}

impl Cut {
    pub(crate) async fn before(schema: &Arc<TestSchema>) -> Self {
        let options = schema.options();
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, server.clone(), is_open.clone()));
            }
        });
        Self { port, open }
    }

    /// Breaks all connections, and every new one at once.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn pass_on(mut client: TcpStream, server: (String, u16), mut open: watch::Receiver<bool>) {
    if !*open.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !*open) => {}
    }
}
