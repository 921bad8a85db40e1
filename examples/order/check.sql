-- Does the ledger balance? Run in the shop's database; standard input holds Odradek's
-- outcomes: workflow id, status, error, a line an execution.
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
CREATE TEMP TABLE outcome (order_id text, status text, error text);
\copy outcome FROM pstdin

CREATE TEMP TABLE sums AS
SELECT p.order_id, p.batch, p.quantity AS ordered, p.total, p.event::json ->> 'card' AS card, o.runs, o.status, o.error,
       coalesce(e.charged, 0) AS charged, coalesce(e.refunded, 0) AS refunded,
       coalesce(e.reserved, 0) AS reserved, coalesce(e.released, 0) AS released,
       coalesce(e.shipped, 0) AS shipped, coalesce(e.charges, 0) AS charges, p.total > 50000 AS is_much
FROM placed p
LEFT JOIN (SELECT order_id, count(*) AS runs, max(status) AS status, max(error) AS error
           FROM outcome GROUP BY order_id) o USING (order_id)
LEFT JOIN (SELECT order_id,
                  sum(amount) FILTER (WHERE kind = 'charge') AS charged,
                  sum(amount) FILTER (WHERE kind = 'refund') AS refunded,
                  sum(quantity) FILTER (WHERE kind = 'reserve') AS reserved,
                  sum(quantity) FILTER (WHERE kind = 'release') AS released,
                  sum(quantity) FILTER (WHERE kind = 'ship') AS shipped,
                  count(*) FILTER (WHERE kind = 'charge') AS charges
           FROM entry GROUP BY order_id) e USING (order_id);

CREATE TEMP TABLE wrong (place text, what text);
INSERT INTO wrong
SELECT order_id, CASE
    WHEN runs IS NULL THEN 'no execution'
    WHEN runs <> 1 THEN runs || ' executions'
    WHEN status = 'RUNNING' THEN 'still running'
    WHEN status = 'SUCCEEDED' AND (charged - refunded <> total OR charges <> 1)
        THEN 'completed: ' || total || ' to pay, ' || charged - refunded || ' paid in ' || charges || ' charges'
    WHEN status = 'SUCCEEDED' AND (shipped <> ordered OR reserved - released <> ordered)
        THEN 'completed: ' || ordered || ' ordered, ' || shipped || ' shipped, ' || reserved - released || ' taken from stock'
    WHEN status <> 'SUCCEEDED' AND charged <> refunded THEN status || ': ' || charged - refunded || ' kept'
    WHEN status <> 'SUCCEEDED' AND reserved <> released THEN status || ': ' || reserved - released || ' not released'
    WHEN status <> 'SUCCEEDED' AND shipped <> 0 THEN status || ': ' || shipped || ' shipped'
    END
FROM sums;
DELETE FROM wrong WHERE what IS NULL;
INSERT INTO wrong
SELECT i.sku, i.initial - i.on_hand || ' are gone, ' || coalesce(sum(e.quantity), 0) || ' were shipped'
FROM item i
LEFT JOIN (SELECT r.sku, s.quantity FROM entry s
           JOIN (SELECT order_id, max(sku) AS sku FROM entry WHERE kind = 'reserve' GROUP BY order_id) r USING (order_id)
           WHERE s.kind = 'ship') e USING (sku)
GROUP BY i.sku, i.initial, i.on_hand
HAVING i.initial - i.on_hand <> coalesce(sum(e.quantity), 0);
INSERT INTO wrong
SELECT 'account ' || name, balance || ' instead of ' || CASE name WHEN 'shop' THEN due ELSE -due END
FROM account, (SELECT coalesce(sum(total), 0) AS due FROM sums WHERE status = 'SUCCEEDED') d
WHERE balance <> CASE name WHEN 'shop' THEN due ELSE -due END;
INSERT INTO wrong
SELECT DISTINCT order_id, 'in the ledger, but never ordered' FROM entry e
WHERE NOT EXISTS (SELECT FROM placed p WHERE p.order_id = e.order_id);

\echo
SELECT CASE WHEN status = 'SUCCEEDED' AND is_much THEN 'completed, after approval'
            WHEN status = 'SUCCEEDED' THEN 'completed'
            WHEN status IS NULL THEN 'no execution'
            WHEN charges > 0 THEN lower(status) || ', refunded and released'
            WHEN reserved > 0 THEN lower(status) || ', released'
            ELSE lower(status) || ', nothing to undo' END AS "orders",
       coalesce(CASE WHEN error = 'States.Timeout' THEN 'payment ' || card ELSE error END, '') AS "because",
       count(*) AS "number", sum(charged - refunded) AS "money kept", sum(reserved - released) AS "stock gone",
       sum(shipped) AS "shipped", min(order_id) AS "for example"
FROM sums GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2;
SELECT count(*) AS "orders", count(runs) AS "with one execution", sum(charged) AS "charged", sum(refunded) AS "refunded",
       sum(charged - refunded) AS "money kept", sum(reserved) AS "reserved", sum(released) AS "released",
       sum(shipped) AS "shipped"
FROM sums;
SELECT count(*) > 0 AS is_wrong FROM wrong \gset
\if :is_wrong
    SELECT place AS "what is wrong with", what FROM wrong ORDER BY 1 LIMIT 30;
    \echo The ledger does NOT balance.
    DO $$ BEGIN RAISE EXCEPTION 'the ledger does not balance'; END $$;
\endif
\echo The ledger balances.
