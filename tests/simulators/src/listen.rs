//! HTTP servers on 127.0.0.1, each on a free port. Dropping a [`Listening`] stops its server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// A running server.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listening {
    /// Binds a free port.
    pub async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// The handle of a server whose task is already running.
    pub fn of(address: SocketAddr, task: AbortHandle) -> Self {
        Self { address, task }
    }

    /// Serves an axum router.
    pub async fn router(router: axum::Router) -> io::Result<Self> {
        let (listener, _) = Self::bind().await?;
        Self::router_at(listener, router)
    }

    /// Serves an axum router on a bound listener.
    pub fn router_at(listener: TcpListener, router: axum::Router) -> io::Result<Self> {
        Self::service_at(listener, hyper_util::service::TowerToHyperService::new(router))
    }

    /// Serves any hyper service.
    pub async fn service<S, B>(service: S) -> io::Result<Self>
    where
        S: hyper::service::Service<
                hyper::Request<hyper::body::Incoming>,
                Response = hyper::Response<B>,
            > + Clone
            + Send
            + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (listener, _) = Self::bind().await?;
        Self::service_at(listener, service)
    }

    /// The task owns the connections, so they end when the server stops.
    fn service_at<S, B>(listener: TcpListener, service: S) -> io::Result<Self>
    where
        S: hyper::service::Service<
                hyper::Request<hyper::body::Incoming>,
                Response = hyper::Response<B>,
            > + Clone
            + Send
            + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                while connections.try_join_next().is_some() {}
                let service = service.clone();
                connections.spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client may disconnect early.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self::of(address, task.abort_handle()))
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
