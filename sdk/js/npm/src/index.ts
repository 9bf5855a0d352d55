/**
 * Interline in the browser: live code review that goes on working offline.
 *
 * ```ts
 * const client = await connect({ url: location.origin, user: { id: "ann", displayName: "Ann" } });
 * const review = await client.open("pr-456");
 * const comment = review.comment({ file: "src/lib.rs", side: "head", line: 42 }, "Fix indentation");
 * comment.insert(0, "Please: ");
 * await review.synced(); // durable on the server
 * review.on("edit", ({ commentId, changes, origin }) => origin !== "local" && editors.get(commentId)?.apply(changes));
 * ```
 *
 * @module
 */

export type * from "./api.js";
export { connect } from "./client.js";
export type * from "./conflict.js";
export { InterlineError } from "./error.js";
export type * from "./types.js";
