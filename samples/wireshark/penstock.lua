-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Wireshark plugin for files of penstock: decodes the messages of its custom blocks (proto/event.proto) and
-- names the rows. Every row, journal or custom block, gets penstock.type, penstock.pid and penstock.comm, so
-- that one filter finds both. Files open without it too: see README.md.
--
-- Wireshark 4.0 has no table for custom blocks: there, and for journal rows everywhere, a postdissector does
-- the work. From 4.4 on the table pcapng_custom_block hands the blocks over.

local PEN = 32473 -- as built: PENSTOCK_PEN

local penstock = Proto("penstock", "penstock")
local custom = Proto("penstock_block", "penstock custom block")

local TYPES = {
	[1] = "tls_data", [2] = "tls_secret", [3] = "shell", [4] = "sql", [5] = "packet", [6] = "http",
	[7] = "conn_state", [8] = "process_info", [9] = "exec", [10] = "exit", [11] = "attach",
	[100] = "meta", [101] = "stats", [102] = "loss", [103] = "stream_end",
}

local F = {
	type = ProtoField.string("penstock.type", "Type"),
	time = ProtoField.absolute_time("penstock.time", "Time", base.UTC),
	seq = ProtoField.uint64("penstock.seq", "Sequence number"),
	pid = ProtoField.uint32("penstock.pid", "PID"),
	uid = ProtoField.uint32("penstock.uid", "UID"),
	ppid = ProtoField.uint32("penstock.ppid", "Parent PID"),
	comm = ProtoField.string("penstock.comm", "Command name"),
	exe = ProtoField.string("penstock.exe", "Executable"),
	argv = ProtoField.string("penstock.argv", "Argument"),
	cwd = ProtoField.string("penstock.cwd", "Working directory"),
	command = ProtoField.string("penstock.command", "Command"),
	system = ProtoField.string("penstock.sql.system", "Database system"),
	query = ProtoField.string("penstock.sql.query", "Statement"),
	fingerprint = ProtoField.string("penstock.sql.fingerprint", "Statement without its values"),
	database = ProtoField.string("penstock.sql.database", "Database"),
	user = ProtoField.string("penstock.sql.user", "User"),
	rows = ProtoField.uint64("penstock.sql.rows", "Rows"),
	rows_sent = ProtoField.uint64("penstock.sql.rows_sent", "Rows sent"),
	param = ProtoField.string("penstock.sql.param", "Value"),
	error_code = ProtoField.int32("penstock.sql.error_code", "Error code"),
	sqlstate = ProtoField.string("penstock.sql.sqlstate", "SQLSTATE"),
	error = ProtoField.string("penstock.sql.error", "Error"),
	hook = ProtoField.string("penstock.hook", "Hook"),
	target = ProtoField.string("penstock.target", "Target"),
	status = ProtoField.int32("penstock.status", "Status"),
	count = ProtoField.uint64("penstock.lost", "Lost"),
	probe = ProtoField.string("penstock.probe", "Probe"),
	reason = ProtoField.string("penstock.reason", "Reason"),
}
local list = {}
for _, field in pairs(F) do list[#list + 1] = field end
penstock.fields = list

local malformed = ProtoExpert.new("penstock.malformed", "The messages of this block are damaged",
	expert.group.MALFORMED, expert.severity.ERROR)
penstock.experts = { malformed }

-- ---- protobuf ------------------------------------------------------------------------------------------

-- Number and the offset after it; nil when it does not end before stop. Exact up to 2^53.
local function varint(tvb, at, stop)
	local value, factor = 0, 1
	for _ = 1, 10 do
		if at >= stop then return nil end
		local byte = tvb(at, 1):uint()
		at = at + 1
		value = value + (byte % 128) * factor
		if byte < 128 then return value, at end
		factor = factor * 128
	end
	return nil
end

-- Calls found(number, range, value) for each field of the message in [at, stop); false when it is damaged.
local function walk(tvb, at, stop, found)
	while at < stop do
		local key, start = varint(tvb, at, stop)
		if not key then return false end
		local number, wire, value, size = math.floor(key / 8), key % 8, nil, nil
		at = start
		if wire == 0 then
			value, at = varint(tvb, start, stop)
			if not value then return false end
			size = at - start
		else
			if wire == 1 then size = 8 elseif wire == 5 then size = 4 elseif wire == 2 then
				size, at = varint(tvb, start, stop)
			end
			if not size or size > stop - at then return false end
			start, at = at, at + size
		end
		if not found(number, start, size, value) then return false end
	end
	return true
end

-- ---- messages ------------------------------------------------------------------------------------------

local function text(field)
	return function(tvb, tree, start, size)
		if size > 0 then tree:add(field, tvb(start, size)) end
		return true
	end
end

local function number(field)
	return function(tvb, tree, start, size, value)
		if not value or value > 4294967295 then return false end
		tree:add(field, tvb(start, size), value)
		return true
	end
end

-- 64 bits and what arithmetic on Lua's numbers can hold of them.
local function number64(field)
	return function(tvb, tree, start, size, value)
		if not value or value < 0 then return false end
		tree:add(field, tvb(start, size), UInt64(value % 4294967296, math.floor(value / 4294967296)))
		return true
	end
end

-- A message inside: rows by field number.
local function message(rows)
	return function(tvb, tree, start, size, varint_value, say)
		return not varint_value and walk(tvb, start, start + size, function(n, at, len, value)
			return not rows[n] or rows[n](tvb, tree, at, len, value, say)
		end)
	end
end

local function remember(key, inner)
	return function(tvb, tree, start, size, value, say)
		say[key] = value or (size > 0 and tvb(start, size):string() or "")
		return inner(tvb, tree, start, size, value, say)
	end
end

local function time(tvb, tree, start, size)
	if size ~= 8 then return false end
	local ns = tvb(start, 8):le_uint64()
	local seconds = ns / UInt64(1000000000)
	tree:add(F.time, tvb(start, 8),
		NSTime.new(seconds:tonumber(), (ns - seconds * UInt64(1000000000)):tonumber()))
	return true
end

local function signed(field) -- sint32: zigzag
	return function(tvb, tree, start, size, value)
		if not value or value > 4294967295 then return false end
		tree:add(field, tvb(start, size), math.floor(value % 2 == 0 and value / 2 or -(value + 1) / 2))
		return true
	end
end

local process = message {
	[1] = remember("pid", number(F.pid)), [3] = number(F.uid), [4] = remember("comm", text(F.comm)),
	[7] = text(F.exe), [9] = number(F.ppid),
}

local event = message {
	[1] = time,
	[2] = number64(F.seq),
	[3] = function(tvb, tree, start, size, value, say)
		if not value then return false end
		say.type = TYPES[value] or ("type " .. value)
		tree:add(F.type, tvb(start, size), say.type)
		return true
	end,
	[4] = process,
	[13] = text(F.probe),
	[18] = message { [2] = text(F.command), [3] = text(F.cwd) },
	[19] = message {
		[1] = text(F.system), [2] = text(F.query), [3] = text(F.database), [4] = text(F.user),
		[5] = number64(F.rows), [6] = signed(F.error_code), [7] = text(F.error), [9] = text(F.param),
		[11] = text(F.sqlstate), [14] = number64(F.rows_sent), [21] = text(F.fingerprint),
	},
	[23] = message { [1] = process, [2] = text(F.argv), [3] = text(F.cwd) },
	[24] = message { [1] = text(F.exe), [2] = text(F.argv), [4] = text(F.cwd) },
	[26] = message { [1] = text(F.hook), [2] = text(F.target), [6] = signed(F.status) },
	[102] = message { [2] = number64(F.count), [12] = text(F.probe), [13] = text(F.reason) },
}

-- The body of a custom block: a little-endian length, then messages with their lengths in front.
local function block(tvb, pinfo, root)
	if tvb:len() < 4 or tvb(0, 4):le_uint() > tvb:len() - 4 then return 0 end
	local stop, at, n, whole = 4 + tvb(0, 4):le_uint(), 4, 0, true
	local tree = root:add(penstock, tvb(0, stop))
	while at < stop and whole do
		local size, start = varint(tvb, at, stop)
		if not size or size > stop - start then
			whole = false
		else
			local say = { type = "event" }
			local branch = tree:add(tvb(at, start + size - at), "")
			whole = event(tvb, branch, start, size, nil, say)
			branch:set_text("penstock " .. say.type .. (say.pid and ": " .. (say.comm or "") .. " (" .. say.pid .. ")" or ""))
			at, n = start + size, n + 1
		end
	end
	if not whole then tree:add_proto_expert_info(malformed) end
	pinfo.cols.protocol:set("penstock")
	pinfo.cols.info:set("context: " .. n .. " messages")
	return tvb:len()
end

function custom.dissector(tvb, pinfo, root)
	return block(tvb, pinfo, root)
end

-- ---- rows ----------------------------------------------------------------------------------------------

local cb_pen = Field.new("frame.cb_pen")
local identifier = Field.new("systemd_journal.syslog_id")
local names, values = Field.new("systemd_journal.field.name"), Field.new("systemd_journal.field.value")
local pid, comm = Field.new("systemd_journal.pid"), Field.new("systemd_journal.comm")

-- pcall: the call itself fails where there is no table of that name.
local known, tables = pcall(DissectorTable.get, "pcapng_custom_block")
if known and tables then
	tables:add(PEN, custom)
else
	tables = nil
end

-- Fields of a row of a statement, by their names there.
local QUERY = {
	PENSTOCK_QUERY_SYSTEM = F.system, PENSTOCK_QUERY_DATABASE = F.database, PENSTOCK_QUERY_USER = F.user,
	PENSTOCK_QUERY_FINGERPRINT = F.fingerprint, PENSTOCK_QUERY_SQLSTATE = F.sqlstate,
	PENSTOCK_QUERY_ERROR = F.error,
}

local function journal(pinfo, root)
	local tree, kind = root:add(penstock), "event"
	local all = { values() }
	for i, name in ipairs({ names() }) do
		if name.value == "PENSTOCK_TYPE" and all[i] then kind = all[i].value end
		if QUERY[name.value] and all[i] then tree:add(QUERY[name.value], all[i].value):set_generated() end
	end
	tree:add(F.type, kind):set_generated()
	if pid() then tree:add(F.pid, pid().value):set_generated() end
	if comm() then tree:add(F.comm, comm().value):set_generated() end
	pinfo.cols.protocol:set("penstock " .. kind)
end

function penstock.dissector(tvb, pinfo, root)
	local id, pen = identifier(), cb_pen()
	if id and id.value == "penstock" then
		journal(pinfo, root)
	elseif pen and pen.value == PEN and not tables then
		block(tvb, pinfo, root)
	end
end

register_postdissector(penstock)
