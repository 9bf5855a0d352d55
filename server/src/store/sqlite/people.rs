//! Users and their clients. Most calls change nothing, so they look before they write.

use interline_core::id::{ClientId, User, UserId};
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};

use super::error::classify;
use crate::store::{StoreError, rows};

pub(super) async fn claim_client(
    readers: &SqlitePool,
    writer: &SqlitePool,
    client: ClientId,
    user: &UserId,
) -> Result<bool, StoreError> {
    if let Some(owner) = owner(readers, client).await? {
        return Ok(owner == user.as_str());
    }
    sqlx::query("INSERT INTO clients (id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(client.0)
        .bind(user.as_str())
        .execute(writer)
        .await
        .map_err(classify)?;
    Ok(owner(readers, client).await?.as_deref() == Some(user.as_str()))
}

async fn owner(readers: &SqlitePool, client: ClientId) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT user_id FROM clients WHERE id = ?").bind(client.0);
    query.fetch_optional(readers).await.map_err(classify)
}

pub(super) async fn put_user(
    readers: &SqlitePool,
    writer: &SqlitePool,
    user: &User,
) -> Result<(), StoreError> {
    let known: Option<String> = sqlx::query_scalar("SELECT display_name FROM users WHERE id = ?")
        .bind(user.id.as_str())
        .fetch_optional(readers)
        .await
        .map_err(classify)?;
    if known.as_deref() == Some(user.display_name.as_str()) {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO users (id, display_name) VALUES (?, ?) \
         ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name",
    )
    .bind(user.id.as_str())
    .bind(user.display_name.as_str())
    .execute(writer)
    .await
    .map_err(classify)?;
    Ok(())
}

pub(super) async fn users(readers: &SqlitePool, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let mut users = Vec::with_capacity(ids.len());
    for ids in ids.chunks(1_000) {
        let mut select = QueryBuilder::<Sqlite>::new("SELECT id, display_name FROM users WHERE id IN (");
        let mut list = select.separated(", ");
        for id in ids {
            list.push_bind(id.as_str());
        }
        select.push(") ORDER BY id");
        for row in select.build().persistent(false).fetch_all(readers).await.map_err(classify)? {
            let (id, name) =
                (row.try_get("id").map_err(classify)?, row.try_get("display_name").map_err(classify)?);
            users.push(rows::user(id, name)?);
        }
    }
    Ok(users)
}
