//! The `evenkeel` binary.

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:4566").await?;
    evenkeel::sandbox::server::serve(evenkeel::sandbox::Sandbox::new(), listener).await
}
