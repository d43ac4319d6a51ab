//! Sends a request until there is a valid response, or until a retry is useless.

use super::pace::{self, Now, TRIES, Wait, Window};
use super::{Answer, Get, Http, NoAnswer};

/// What is wrong with a page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaginationError {
    /// The body is truncated, HTML, or otherwise not a page. A retry may succeed.
    #[error("the response is not a page of a list")]
    NotAPage,
    /// The link to the next page points to another host or another list.
    #[error("the link to the next page points to another address")]
    ForeignLink,
    /// The link to the next page points to this page or an earlier one, or the server sent the same
    /// page again.
    #[error("the link to the next page points to a page that was already read")]
    Loop,
    /// The list has fewer records than the server's count.
    #[error("the list has fewer records than the server's count")]
    Short,
}

/// The last failure of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failing {
    /// An error status.
    #[error("status {0}")]
    Status(u16),
    /// No response.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// An invalid page.
    #[error(transparent)]
    Page(#[from] PaginationError),
}

/// Why there is no valid response.
pub(crate) enum RequestError {
    /// The server refused the request; a retry would not help.
    Refused(u16),
    /// The page is not valid.
    Page(PaginationError),
    /// The server failed repeatedly.
    Down {
        /// The number of tries.
        tries: u32,
        /// The last failure.
        last: Failing,
    },
}

/// Sends a request, and parses the response's body with `read`.
pub(crate) async fn send<T>(
    client: (&impl Http, &impl Wait, &Now),
    window: &Window,
    request: &Get,
    rng: &mut fastrand::Rng,
    read: impl Fn(&[u8]) -> Result<T, PaginationError>,
) -> Result<(Answer, T), RequestError> {
    send_with(client, window, (|| request.clone(), TRIES), rng, read).await
}

/// Sends a request at most `most` times. The request is made again for every try, because a
/// signature is valid for one request.
pub(crate) async fn send_with<T>(
    (http, wait, now): (&impl Http, &impl Wait, &Now),
    window: &Window,
    (make, most): (impl Fn() -> Get, u32),
    rng: &mut fastrand::Rng,
    read: impl Fn(&[u8]) -> Result<T, PaginationError>,
) -> Result<(Answer, T), RequestError> {
    let mut last = Failing::Status(0);
    for tries in 0..most {
        loop {
            let full = window.before_request(now());
            if full.is_zero() {
                break;
            }
            wait.wait(full).await;
        }
        let pause = match http.get(make()).await {
            Ok(answer) => {
                window.update(&answer);
                match answer.status {
                    200 => match read(&answer.body) {
                        Ok(found) => return Ok((answer, found)),
                        Err(fault @ PaginationError::NotAPage) => {
                            last = fault.into();
                            pace::back_off(tries, rng)
                        }
                        Err(fault) => return Err(RequestError::Page(fault)),
                    },
                    status @ 429 => {
                        last = Failing::Status(status);
                        pace::after_too_many(&answer, now(), tries, rng)
                    }
                    status @ (408 | 500 | 502..=599) => {
                        last = Failing::Status(status);
                        pace::back_off(tries, rng)
                    }
                    status => return Err(RequestError::Refused(status)),
                }
            }
            Err(NoAnswer::Request) => {
                return Err(RequestError::Down {
                    tries: tries + 1,
                    last: NoAnswer::Request.into(),
                });
            }
            Err(error) => {
                last = error.into();
                pace::back_off(tries, rng)
            }
        };
        if tries + 1 < most {
            wait.wait(pause).await;
        }
    }
    Err(RequestError::Down { tries: most, last })
}
