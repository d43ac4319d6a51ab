//! Sends signed webhook events to `clever-webhook`.

use aws_lc_rs::hmac;
use axum::http::Method;
use jiff::Timestamp;

use crate::gateway::{Api, ApiError, Reply};
use crate::stack::Stack;

impl Stack {
    /// Signs a webhook event with `key` and the current time, and sends it.
    ///
    /// A rejected event is not an error: check the status of the reply.
    ///
    /// # Errors
    /// If the function URL does not answer.
    pub async fn send_webhook_event(&self, key: &str, body: &str) -> Result<Reply, ApiError> {
        let now = Timestamp::now().as_second().to_string();
        let signature = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
            format!("{now}.{body}").as_bytes(),
        );
        let signature = hex::encode(signature);
        let headers = [
            ("x-rollbook-timestamp", now.as_str()),
            ("x-rollbook-signature", signature.as_str()),
            ("content-type", "application/json"),
        ];
        Api::new(&self.endpoints().webhook, None)
            .send(Method::POST, "/", &headers, body.to_owned().into())
            .await
    }
}
