-- Entries of the ledger. ARGV: 4 after which, 5 how many. Answer: op, the head, the entries.
return {op, head, call('ZRANGEBYSCORE', P .. 'log', '(' .. ARGV[4], '+inf', 'LIMIT', 0, ARGV[5])}
