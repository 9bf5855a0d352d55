//! Plain HTTP requests, as `curl` would make them.

use serde_json::Value;

/// A status and a JSON body; `Null` if the body is none.
pub type Answer = (u16, Value);

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// GETs JSON.
pub fn get(url: &str) -> anyhow::Result<Answer> {
    let mut response = agent().get(url).call()?;
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null)))
}

/// POSTs bytes, reads JSON.
pub fn post(url: &str, body: &[u8]) -> anyhow::Result<Answer> {
    let mut response = agent().post(url).send(body)?;
    let body = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null)))
}

/// DELETEs; the status.
pub fn delete(url: &str) -> anyhow::Result<u16> {
    Ok(agent().delete(url).call()?.status().as_u16())
}
