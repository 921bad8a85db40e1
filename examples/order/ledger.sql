-- The shop's ledger, in a database of its own. Every effect is an entry under the
-- idempotency key of the task that wants it (run_id:activity_id), so a task that is
-- delivered twice has one effect. Undoing is recorded even where there was nothing to
-- undo; what is undone before it was done stays undone: a payment that comes after its
-- refund is void.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
SELECT pg_advisory_xact_lock(4711);

CREATE TABLE IF NOT EXISTS item (
    sku     text PRIMARY KEY,
    initial integer NOT NULL,
    on_hand integer NOT NULL CHECK (on_hand >= 0)
);

-- Double entry: what the customers have paid is what the shop has got.
CREATE TABLE IF NOT EXISTS account (
    name    text PRIMARY KEY,
    balance bigint NOT NULL
);

-- What was ordered; written by who places the orders.
CREATE TABLE IF NOT EXISTS placed (
    order_id text PRIMARY KEY,
    batch    text NOT NULL,
    sku      text NOT NULL,
    quantity integer NOT NULL,
    total    integer NOT NULL,
    event    text NOT NULL
);

CREATE TABLE IF NOT EXISTS entry (
    key      text PRIMARY KEY,
    order_id text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('reserve', 'release', 'charge', 'refund', 'ship')),
    sku      text,
    quantity integer NOT NULL DEFAULT 0,
    amount   integer NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS entry_order ON entry (order_id);

INSERT INTO item
SELECT 'sku-' || i, 10000000, 10000000 FROM generate_series(0, 31) i
UNION ALL SELECT 'unicorn', 0, 0
ON CONFLICT DO NOTHING;
INSERT INTO account VALUES ('customers', 0), ('shop', 0) ON CONFLICT DO NOTHING;

-- What a worker shall answer: done (detail: the result), failed (error; detail: the
-- cause), silent (never), again (after the pause, with the next round).
DO $$
BEGIN
    IF to_regtype('shop_answer') IS NULL THEN
        CREATE TYPE shop_answer AS (outcome text, pause_ms integer, error text, detail text);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION shop_done(k text) RETURNS shop_answer LANGUAGE sql AS $$
    SELECT ROW('done', 0, NULL, json_build_object('id', k)::text)::shop_answer
$$;

CREATE OR REPLACE FUNCTION shop_failed(error text, cause text) RETURNS shop_answer LANGUAGE sql AS $$
    SELECT ROW('failed', 0, error, cause)::shop_answer
$$;

-- One at a time for an order; whether the task was done before.
CREATE OR REPLACE FUNCTION shop_begin(k text, o text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(o, 0));
    RETURN EXISTS (SELECT FROM entry WHERE key = k);
END $$;

CREATE OR REPLACE FUNCTION shop_reserve(k text, task json, round integer) RETURNS shop_answer LANGUAGE plpgsql AS $$
DECLARE
    o text := task ->> 'order_id';
    s text := task ->> 'sku';
    n integer := task ->> 'quantity';
BEGIN
    IF shop_begin(k, o) THEN
        RETURN shop_done(k);
    END IF;
    IF EXISTS (SELECT FROM entry WHERE order_id = o AND kind = 'release') THEN
        RETURN shop_failed('Stock.Void', 'It was released before it was reserved.');
    END IF;
    UPDATE item SET on_hand = on_hand - n WHERE sku = s AND on_hand >= n;
    IF NOT FOUND THEN
        RETURN shop_failed('Stock.SoldOut', s || ' is sold out.');
    END IF;
    INSERT INTO entry (key, order_id, kind, sku, quantity) VALUES (k, o, 'reserve', s, n);
    RETURN shop_done(k);
END $$;

CREATE OR REPLACE FUNCTION shop_release(k text, task json, round integer) RETURNS shop_answer LANGUAGE plpgsql AS $$
DECLARE
    o text := task ->> 'order_id';
    s text;
    n integer;
BEGIN
    IF shop_begin(k, o) THEN
        RETURN shop_done(k);
    END IF;
    s := (SELECT max(sku) FROM entry WHERE order_id = o AND kind = 'reserve');
    n := (SELECT coalesce(sum(CASE kind WHEN 'reserve' THEN quantity WHEN 'release' THEN -quantity ELSE 0 END), 0)
          FROM entry WHERE order_id = o);
    UPDATE item SET on_hand = on_hand + n WHERE sku = s;
    INSERT INTO entry (key, order_id, kind, sku, quantity) VALUES (k, o, 'release', s, n);
    RETURN shop_done(k);
END $$;

CREATE OR REPLACE FUNCTION shop_pay(k text, o text, money integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET balance = balance - money WHERE name = 'customers';
    UPDATE account SET balance = balance + money WHERE name = 'shop';
    INSERT INTO entry (key, order_id, kind, amount)
    VALUES (k, o, CASE WHEN money > 0 THEN 'charge' ELSE 'refund' END, abs(money));
END $$;

-- The card decides how the payment goes, like the test cards of a payment service.
CREATE OR REPLACE FUNCTION shop_charge(k text, task json, round integer) RETURNS shop_answer LANGUAGE plpgsql AS $$
DECLARE
    o text := task ->> 'order_id';
    card text := task ->> 'card';
BEGIN
    IF card = 'slow' AND round = 0 THEN
        RETURN ROW('again', 13000, NULL, NULL)::shop_answer;
    END IF;
    IF shop_begin(k, o) THEN
        RETURN shop_done(k);
    END IF;
    IF EXISTS (SELECT FROM entry WHERE order_id = o AND kind = 'refund') THEN
        RETURN shop_failed('Payment.Void', 'It was refunded before it was charged.');
    END IF;
    IF card = 'refused' THEN
        RETURN shop_failed('Payment.Refused', 'The card was refused.');
    ELSIF card = 'lost' THEN
        RETURN ROW('silent', 0, NULL, NULL)::shop_answer;
    ELSIF card = 'busy' AND round = 0 AND (task ->> 'attempt')::integer = 1 THEN
        RETURN shop_failed('Shop.Busy', 'The payment service asks to come again.');
    END IF;
    PERFORM shop_pay(k, o, (task ->> 'amount')::integer);
    IF card = 'taken' THEN
        RETURN ROW('silent', 0, NULL, NULL)::shop_answer;
    ELSIF card = 'late' THEN
        RETURN ROW('again', 7000, NULL, NULL)::shop_answer;
    END IF;
    RETURN shop_done(k);
END $$;

CREATE OR REPLACE FUNCTION shop_refund(k text, task json, round integer) RETURNS shop_answer LANGUAGE plpgsql AS $$
DECLARE
    o text := task ->> 'order_id';
    money integer;
BEGIN
    IF shop_begin(k, o) THEN
        RETURN shop_done(k);
    END IF;
    money := (SELECT coalesce(sum(CASE kind WHEN 'charge' THEN amount WHEN 'refund' THEN -amount ELSE 0 END), 0)
              FROM entry WHERE order_id = o);
    PERFORM shop_pay(k, o, -money);
    RETURN shop_done(k);
END $$;

CREATE OR REPLACE FUNCTION shop_ship(k text, task json, round integer) RETURNS shop_answer LANGUAGE plpgsql AS $$
DECLARE
    o text := task ->> 'order_id';
BEGIN
    IF shop_begin(k, o) THEN
        RETURN shop_done(k);
    END IF;
    IF task ->> 'address' = 'nowhere' THEN
        RETURN shop_failed('Shipping.NoSuchAddress', 'Nobody lives there.');
    END IF;
    INSERT INTO entry (key, order_id, kind, quantity) VALUES (k, o, 'ship', (task ->> 'quantity')::integer);
    RETURN shop_done(k);
END $$;
COMMIT;
