"""Everything of one reader's, wherever it is stored."""

from db.postgres import Database


async def read(database: Database, *, reader: str) -> str | None:
    """A JSON object: sessions, conversations with their answers, oldest first, taken places of quotas, chapters being
    made, and cached questions; None if the account is gone. Of a running answer, what is stored of its text.

    One statement, so that it is all of one moment.
    """
    kept: str | None = await database.fetchval(
        """
        SELECT jsonb_build_object(
            'signed_in_through', CASE WHEN subject IS NULL THEN 'password' ELSE 'Better Auth' END,
            'subject', subject,
            'sessions', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'id', id, 'created_at', created_at, 'expires_at', expires_at
                ) ORDER BY created_at), '[]') FROM sessions WHERE reader = readers.id
            ),
            'conversations', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'id', conversations.id,
                    'created_at', conversations.created_at,
                    'answers', (
                        SELECT coalesce(jsonb_agg(
                            snapshot || jsonb_build_object('status', status) || coalesce(so_far, '{}')
                            ORDER BY answers.created_at), '[]')
                        FROM answers LEFT JOIN LATERAL (
                            SELECT jsonb_build_object('text', string_agg(
                                event->>'text', '' ORDER BY (event->'seq')::integer
                            )) AS so_far
                            FROM answer_events, jsonb_array_elements(events) AS event
                            WHERE answer = answers.id AND status = 'STREAMING' HAVING count(event->>'text') > 0
                        ) AS said ON true
                        WHERE conversation = conversations.id AND answers.reader = readers.id
                    )
                ) ORDER BY conversations.created_at), '[]') FROM conversations WHERE reader = readers.id
            ),
            'quota_places', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'times', times)), '[]')
                FROM quota_places WHERE reader = readers.id
            ),
            'chapters_being_made', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'chapter_id', chapter_id, 'level', making.level, 'language', language,
                    'hardware', making.hardware
                )), '[]') FROM variant_leases AS making WHERE reader = readers.id AND expires_at > now()
            ),
            'kept_for_others', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'searched_for', answer->>'searched_for', 'text', answer->>'text', 'stored_at', stored_at
                ) ORDER BY stored_at), '[]')
                FROM answer_cache JOIN answers ON answers.id = answer_id WHERE reader = readers.id
            )
        )::text FROM readers WHERE id = $1
        """,
        reader,
    )
    return kept
