// SPDX-License-Identifier: MIT
'use strict';

/* The side of better-sqlite3, run by skep-bench-db as `node bench.js KIND SIDE MODE CLIENTS ROUND
 * SECONDS PATH`; bench/db/child.c says what goes over the pipes. `node bench.js versions` prints
 * what is measured. It has one client: the library is synchronous, so a process is one client. */

const fs = require('fs');
const Database = require('better-sqlite3');

const ACCOUNTS = 10000;
const ITEMS = 1000000;
const SAMPLE = 32; /* one read in so many is timed, as in bench/db/reads.c */

function open(path, mode) {
    const db = new Database(path, { timeout: 5000 });
    db.pragma('journal_mode = WAL');
    db.pragma(mode === 'normal' ? 'synchronous = NORMAL' : 'synchronous = FULL');
    db.pragma('foreign_keys = ON');
    db.pragma('journal_size_limit = 67108864');
    db.pragma('temp_store = MEMORY');
    db.pragma('mmap_size = 0');
    db.pragma('trusted_schema = OFF');
    db.pragma('cell_size_check = ON');
    db.pragma('cache_size = -262144');
    db.pragma('wal_autocheckpoint = 1000');
    return db;
}

const now = () => Number(process.hrtime.bigint());

function cpu() {
    const used = process.cpuUsage();
    return used.user + used.system;
}

function waitForGo() {
    fs.writeSync(1, 'ready\n');
    const line = Buffer.alloc(16);
    const length = fs.readSync(0, line);
    if (line.toString('utf8', 0, length) !== 'go\n')
        process.exit(1);
}

function say(result, latencies) {
    const sorted = Float64Array.from(latencies).sort();
    const at = (q) => (sorted.length > 0 ? sorted[Math.floor(q * (sorted.length - 1))] / 1e3 : 0);
    const numbers = [result.perS, result.done, result.sum, 0, 1, result.cpu / result.done,
        at(0.5), at(0.99), at(0.999), at(1)];
    const text = numbers.map((n) => (Number.isInteger(n) ? String(n) : n.toFixed(3)));
    fs.writeSync(1, `result ${text.join(' ')}\n`);
}

function write(mode, seconds, path) {
    const db = open(path, mode);
    const insert = db.prepare('INSERT INTO log(account, amount, note) VALUES (?, ?, ?)');
    const update = db.prepare('UPDATE account SET balance = balance + ? WHERE id = ?');
    const small = db.transaction((account, amount, note) => {
        insert.run(account, amount, note);
        update.run(amount, account);
    }).immediate;
    const note = Buffer.alloc(100, 'n');
    const latencies = [];
    const result = { perS: 0, done: 0, sum: 0, cpu: 0 };
    waitForGo();
    const before = cpu();
    let last = now();
    const end = last + seconds * 1e9;
    let inWindow = 0;
    while (last < end) {
        const amount = 1 + Math.floor(Math.random() * 100);
        small(1 + Math.floor(Math.random() * ACCOUNTS), amount, note);
        const after = now();
        latencies.push(after - last);
        inWindow += after <= end ? 1 : 0;
        result.done++;
        result.sum += amount;
        last = after;
    }
    result.cpu = cpu() - before;
    result.perS = inWindow / seconds;
    db.close();
    say(result, latencies);
}

function points(db, end, result, latencies) {
    const point = db.prepare('SELECT name, bytes FROM item WHERE id = ?');
    for (;;) {
        const sampled = result.done % SAMPLE === 0;
        const before = sampled ? now() : 0;
        if (sampled && before >= end)
            return;
        const id = 1 + Math.floor(Math.random() * ITEMS);
        const row = point.get(id);
        if (sampled)
            latencies.push(now() - before);
        if (row.bytes !== (id * 37) % 10007)
            throw new Error(`item ${id} holds ${row.bytes}`);
        result.done++;
    }
}

function read(mode, seconds, path) {
    const db = open(path, 'full');
    db.pragma('query_only = ON');
    db.prepare('SELECT sum(bytes), sum(length(name)) FROM item').get();
    const latencies = [];
    const result = { perS: 0, done: 0, sum: 0, cpu: 0 };
    waitForGo();
    const before = cpu();
    const start = now();
    const end = start + seconds * 1e9;
    if (mode === 'held')
        db.transaction(() => points(db, end, result, latencies))();
    else
        points(db, end, result, latencies);
    result.perS = (result.done * 1e9) / (now() - start);
    result.cpu = cpu() - before;
    db.close();
    say(result, latencies);
}

function versions() {
    const db = new Database(':memory:');
    const sqlite = db.prepare('SELECT sqlite_version()').pluck().get();
    const version = require('better-sqlite3/package.json').version;
    db.close();
    fs.writeSync(1, JSON.stringify({ version, sqlite, node: process.version }) + '\n');
}

const [kind, , mode, , , seconds, path] = process.argv.slice(2);
if (kind === 'versions')
    versions();
else if (kind === 'write')
    write(mode, Number(seconds), path);
else
    read(mode, Number(seconds), path);
