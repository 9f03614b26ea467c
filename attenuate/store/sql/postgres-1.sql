-- Version 1 of the tables of PostgresStore. A later version is another file; none is ever edited.
-- The name attenuate in front of a dot is replaced where the store was opened with another schema.
-- Every function sets its search_path: whoever may create in `public` could put a function of theirs there,
-- whose arguments fit better than the built-in's, and it would run as the store's user.

-- spent never goes back; held is reserved without an outcome; extra was topped up.
-- For an attempt, spent is the register.
CREATE TABLE attenuate.counters (
  key bytea PRIMARY KEY, spent bigint NOT NULL, held bigint NOT NULL, extra bigint NOT NULL,
  ceiling bigint NOT NULL, until bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX counters_until ON attenuate.counters (until) WHERE held = 0;

-- state: 0 held, 1 committed, 2 released, 3 expired. keys, reserved, charged: one of each for a budget.
CREATE TABLE attenuate.holds (
  id bytea PRIMARY KEY, state integer NOT NULL, expires bigint NOT NULL, until bigint NOT NULL,
  keys bytea[] NOT NULL, reserved bigint[] NOT NULL, charged bigint[] NOT NULL
);
CREATE INDEX holds_expires ON attenuate.holds (expires, id) WHERE state = 0;
CREATE INDEX holds_until ON attenuate.holds (until) WHERE state > 0;

CREATE TABLE attenuate.ledger (
  seq bigint PRIMARY KEY, at bigint NOT NULL, until bigint NOT NULL, body bytea NOT NULL, note bytea NOT NULL
);
CREATE INDEX ledger_until ON attenuate.ledger (until);

CREATE TABLE attenuate.seen (
  selector bytea NOT NULL, lease bytea NOT NULL, issued_at bigint NOT NULL, until bigint NOT NULL,
  PRIMARY KEY (selector, lease)
);
CREATE INDEX seen_until ON attenuate.seen (until);

-- head: last sequence number of the ledger. horizon: replay keys until then may be forgotten.
CREATE TABLE attenuate.meta (identity bytea NOT NULL, head bigint NOT NULL, horizon bigint NOT NULL);
CREATE UNIQUE INDEX meta_one ON attenuate.meta ((true));
INSERT INTO attenuate.meta VALUES (uuid_send(gen_random_uuid()), 0, 0);

-- The place of a counter or a reservation among the advisory locks. Whoever changes one, or decides by
-- one what else to change, locks it for the transaction, all that it needs in the order of their places.
-- So there is no deadlock, and one that is missing can be locked too.
CREATE FUNCTION attenuate.place(name bytea) RETURNS bigint LANGUAGE sql IMMUTABLE
  SET search_path = pg_catalog, pg_temp AS
  $$ SELECT ('x' || encode(substr(sha256(name), 1, 8), 'hex'))::bit(64)::bigint $$;

-- The verb: `decide` of model.py. p_kinds: a letter for each charge: b budget, f final, r replay,
-- a attempt, A attempt that raises. verdict is null where the identity is another.
-- First it looks without a lock. Where that would change something, it locks, and looks again.
CREATE FUNCTION attenuate.apply(
  p_identity bytea, p_now bigint, p_kinds text, p_keys bytea[], p_amounts bigint[], p_ceilings bigint[],
  p_untils bigint[], p_kepts bigint[], p_ledger bigint, p_id bytea, p_expires bigint, p_until bigint,
  OUT verdict integer, OUT number bigint, OUT stands bigint[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most CONSTANT bigint := 9007199254740991;
  covered integer[];  -- charges whose counters are locked for us alone; null before anything is locked
  r record; l record;
  repeated boolean; kind text; amount bigint; spent bigint; held bigint; bound bigint;
  c_n integer[]; c_key bytea[]; c_spent bigint[]; c_held bigint[]; c_extra bigint[]; c_ceiling bigint[];
  c_until bigint[];
BEGIN
  LOOP
    verdict := NULL; number := 0; stands := '{}';
    c_n := '{}'; c_key := '{}'; c_spent := '{}'; c_held := '{}'; c_extra := '{}'; c_ceiling := '{}';
    c_until := '{}';
    -- one statement, so that meta, reservation and counters are of one moment
    FOR r IN
      SELECT m.head, m.horizon, h.state, h.expires, h.keys, h.reserved, u.n::integer AS n, u.key,
        coalesce(c.spent, 0) AS spent, coalesce(c.held, 0) AS held, coalesce(c.extra, 0) AS extra,
        coalesce(c.ceiling, p_ceilings[u.n]) AS ceiling, coalesce(c.until, 0) AS until
      FROM attenuate.meta m
      LEFT JOIN attenuate.holds h ON h.id = p_id
      LEFT JOIN unnest(p_keys) WITH ORDINALITY u (key, n) ON true
      LEFT JOIN attenuate.counters c ON c.key = u.key
      WHERE m.identity = p_identity
      ORDER BY u.n
    LOOP
      IF verdict IS NULL THEN  -- the first row
        IF p_ledger <> r.head THEN verdict := 3; number := r.head; RETURN; END IF;
        repeated := r.state IS NOT NULL;
        verdict := repeated::integer;
        IF repeated THEN
          IF r.state = 0 AND r.expires <= p_now THEN r.state := 3; END IF;
          IF r.state <> 0 OR cardinality(r.keys) <> length(p_kinds) - length(replace(p_kinds, 'b', ''))
            OR EXISTS (SELECT FROM generate_subscripts(p_keys, 1) n WHERE substr(p_kinds, n, 1) = 'b'
              AND p_amounts[n] IS DISTINCT FROM r.reserved[array_position(r.keys, p_keys[n])])
          THEN verdict := 4; number := r.state; RETURN; END IF;
        END IF;
      END IF;
      CONTINUE WHEN r.n IS NULL;
      kind := substr(p_kinds, r.n, 1);
      amount := p_amounts[r.n];
      spent := r.spent;
      held := r.held;
      IF kind IN ('a', 'A') THEN
        IF spent > amount THEN verdict := 2; number := r.n - 1; stands := ARRAY[spent]; RETURN; END IF;
        stands := stands || CASE kind WHEN 'A' THEN amount ELSE spent END;
        CONTINUE WHEN kind = 'a' OR spent = amount;
        spent := amount;
        bound := r.ceiling;
      ELSIF repeated AND kind IN ('b', 'f') THEN  -- reserved already
        stands := stands || CASE kind WHEN 'b' THEN least(r.ceiling + r.extra, most) - spent - held ELSE spent END;
        CONTINUE;
      ELSE
        IF kind = 'r' AND p_untils[r.n] <= r.horizon THEN
          verdict := 2; number := r.n - 1; stands := ARRAY[spent]; RETURN;
        END IF;
        IF p_id IS NOT NULL AND kind = 'b' THEN held := held + amount; ELSE spent := spent + amount; END IF;
        bound := least(p_ceilings[r.n] + r.extra, most);
        IF spent + held > bound THEN
          verdict := 2; number := r.n - 1;
          stands := ARRAY[CASE kind WHEN 'b' THEN bound - r.spent - r.held ELSE r.spent END];
          RETURN;
        END IF;
        stands := stands || CASE kind WHEN 'b' THEN bound - spent - held ELSE spent END;
        CONTINUE WHEN amount = 0;
        bound := p_ceilings[r.n];
      END IF;
      c_n := c_n || r.n;
      c_key := c_key || r.key;
      c_spent := c_spent || spent;
      c_held := c_held || held;
      c_extra := c_extra || r.extra;
      c_ceiling := c_ceiling || bound;
      c_until := c_until || greatest(r.until, p_kepts[r.n]);
    END LOOP;
    IF verdict IS NULL OR (c_n = '{}' AND (p_id IS NULL OR repeated)) THEN RETURN; END IF;
    EXIT WHEN c_n <@ covered;
    FOR l IN
      SELECT attenuate.place(w.name) AS place, bool_or(w.changes) AS changes FROM (
        SELECT key AS name, n = ANY (c_n) AS changes FROM unnest(p_keys) WITH ORDINALITY u (key, n)
        UNION ALL SELECT p_id, true WHERE p_id IS NOT NULL
      ) w GROUP BY 1 ORDER BY 1
    LOOP
      IF l.changes THEN PERFORM pg_advisory_xact_lock(l.place);
      ELSE PERFORM pg_advisory_xact_lock_shared(l.place); END IF;
    END LOOP;
    covered := c_n;
  END LOOP;
  INSERT INTO attenuate.counters AS c
    SELECT * FROM unnest(c_key, c_spent, c_held, c_extra, c_ceiling, c_until)
    ON CONFLICT (key) DO UPDATE SET spent = excluded.spent, held = excluded.held, extra = excluded.extra,
      ceiling = excluded.ceiling, until = excluded.until;
  IF p_id IS NOT NULL AND NOT repeated THEN
    INSERT INTO attenuate.holds
      SELECT p_id, 0, p_expires, p_until, coalesce(array_agg(p_keys[n] ORDER BY n), '{}'),
        coalesce(array_agg(p_amounts[n] ORDER BY n), '{}'), coalesce(array_agg(p_amounts[n] ORDER BY n), '{}')
      FROM generate_subscripts(p_keys, 1) n WHERE substr(p_kinds, n, 1) = 'b';
  END IF;
END $$;

-- Lock reservations and their counters for us alone.
CREATE FUNCTION attenuate.lock_holds(p_ids bytea[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE l record;
BEGIN
  FOR l IN
    SELECT DISTINCT attenuate.place(w.name) AS place FROM (
      SELECT unnest(p_ids) AS name
      UNION ALL SELECT unnest(keys) FROM attenuate.holds WHERE id = ANY (p_ids)
    ) w ORDER BY 1
  LOOP PERFORM pg_advisory_xact_lock(l.place); END LOOP;
END $$;

-- Settle reservations that are locked and still held; what each counter is charged is in p_charged, or what
-- was reserved where that is null. Return how many.
CREATE FUNCTION attenuate.move(p_ids bytea[], p_state integer, p_charged bigint[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE h record; n integer := 0;
BEGIN
  FOR h IN
    UPDATE attenuate.holds SET state = p_state, charged = coalesce(p_charged, reserved)
    WHERE id = ANY (p_ids) AND state = 0 RETURNING *
  LOOP
    n := n + 1;
    UPDATE attenuate.counters c SET spent = c.spent + i.charged, held = c.held - i.reserved
    FROM unnest(h.keys, h.reserved, h.charged) i (key, reserved, charged) WHERE c.key = i.key;
  END LOOP;
  RETURN n;
END $$;

-- Settle one. Return null where the identity is another, 0 where it was settled meanwhile.
CREATE FUNCTION attenuate.settle(p_identity bytea, p_id bytea, p_state integer, p_charged bigint[])
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM attenuate.meta WHERE identity = p_identity) THEN RETURN NULL; END IF;
  PERFORM attenuate.lock_holds(ARRAY[p_id]);
  RETURN attenuate.move(ARRAY[p_id], p_state, p_charged);
END $$;

-- The time of a sweep: the caller's clock, but at most p_ahead seconds ahead of the server's. One machine
-- whose clock is fast must not end for all what others still count.
CREATE FUNCTION attenuate.swept_at(p_now bigint, p_ahead bigint) RETURNS bigint LANGUAGE sql VOLATILE
  SET search_path = pg_catalog, pg_temp AS
  $$ SELECT least(p_now, floor(extract(epoch FROM clock_timestamp()))::bigint + p_ahead) $$;

-- Settle reservations that expired. Return how many, null where the identity is another.
CREATE FUNCTION attenuate.expire(p_identity bytea, p_now bigint, p_limit bigint, p_ahead bigint)
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE ids bytea[];
BEGIN
  IF NOT EXISTS (SELECT FROM attenuate.meta WHERE identity = p_identity) THEN RETURN NULL; END IF;
  p_now := attenuate.swept_at(p_now, p_ahead);
  ids := ARRAY(SELECT id FROM attenuate.holds WHERE state = 0 AND expires <= p_now
    ORDER BY expires, id LIMIT p_limit);
  PERFORM attenuate.lock_holds(ids);
  RETURN attenuate.move(ids, 3, NULL);
END $$;

-- Forget what ended, passing over what another is at. Return how much, null where the identity is another.
-- The horizon rises in the same step, so a proof whose replay key goes is refused from then on. The newest
-- entry of the ledger stays: by it a gate notices that the history is another.
CREATE FUNCTION attenuate.forget(p_identity bytea, p_now bigint, p_limit bigint, p_ahead bigint)
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE total integer; n integer;
BEGIN
  IF NOT EXISTS (SELECT FROM attenuate.meta WHERE identity = p_identity) THEN RETURN NULL; END IF;
  p_now := attenuate.swept_at(p_now, p_ahead);
  DELETE FROM attenuate.counters WHERE key IN (SELECT key FROM attenuate.counters
    WHERE until <= p_now AND held = 0 LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS total = ROW_COUNT;
  DELETE FROM attenuate.holds WHERE id IN (SELECT id FROM attenuate.holds
    WHERE until <= p_now AND state > 0 LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  total := total + n;
  DELETE FROM attenuate.seen WHERE (selector, lease) IN (SELECT selector, lease FROM attenuate.seen
    WHERE until <= p_now LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  total := total + n;
  DELETE FROM attenuate.ledger WHERE seq IN (SELECT seq FROM attenuate.ledger
    WHERE until <= p_now AND seq < (SELECT head FROM attenuate.meta) LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  UPDATE attenuate.meta SET horizon = p_now WHERE horizon < p_now;
  RETURN total + n;
END $$;

-- Allow more. The row is null where the identity is another or it would be beyond 2^53-1.
CREATE FUNCTION attenuate.top_up(p_identity bytea, p_key bytea, p_extra bigint, p_ceiling bigint, p_until bigint)
RETURNS attenuate.counters LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE out attenuate.counters;
BEGIN
  IF NOT EXISTS (SELECT FROM attenuate.meta WHERE identity = p_identity) THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock(attenuate.place(p_key));
  INSERT INTO attenuate.counters AS c VALUES (p_key, 0, 0, p_extra, p_ceiling, p_until)
    ON CONFLICT (key) DO UPDATE SET extra = c.extra + p_extra, until = greatest(c.until, p_until)
      WHERE c.extra + p_extra <= 9007199254740991
    RETURNING * INTO out;
  RETURN out;
END $$;

-- Append to the ledger; return its head, null where the identity is another. The row of meta is locked
-- until the end, so numbers become visible in their order.
CREATE FUNCTION attenuate.append(
  p_identity bytea, p_bodies bytea[], p_at bigint, p_untils bigint[], p_note bytea, p_channel text
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE last bigint;
BEGIN
  UPDATE attenuate.meta SET head = head + cardinality(p_bodies) WHERE identity = p_identity RETURNING head INTO last;
  INSERT INTO attenuate.ledger
    SELECT last - cardinality(p_bodies) + n, p_at, until, body, p_note
    FROM unnest(p_bodies, p_untils) WITH ORDINALITY u (body, until, n) WHERE last IS NOT NULL;
  PERFORM pg_notify(p_channel, last::text);
  RETURN last;
END $$;
