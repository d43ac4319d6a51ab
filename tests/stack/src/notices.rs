//! A notice that a district shares data, signed and sent to the door as somebody does who has the
//! key.

use aws_lc_rs::hmac;
use axum::http::Method;
use jiff::Timestamp;

use crate::gateway::{Api, ApiError, Reply};
use crate::stack::Stack;

impl Stack {
    /// Knocks at the door of notices with a body that is signed now with this key.
    ///
    /// # Errors
    /// If nobody answers. Whether the notice was believed is the answer's status.
    pub async fn knock(&self, key: &str, body: &str) -> Result<Reply, ApiError> {
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
        Api::new(&self.endpoints().notices, None)
            .send(Method::POST, "/", &headers, body.to_owned().into())
            .await
    }
}
