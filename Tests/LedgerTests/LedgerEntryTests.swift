import Base
import Testing

@testable import Ledger

@Suite struct LedgerEntryTests {
  /// Every field set.
  private static var full: LedgerEntry {
    var entry = Fixtures.entry(.commit)
    entry.version = 42
    entry.openings = [Fixtures.opening(count: 3, first: 1, start: 5)]
    var move = PartitionMove(
      key: Fixtures.key(3, incarnation: 2), previous: 41, from: 10, to: 20, notDelivered: 2,
      gaps: [OffsetGap(from: 10, to: 12, reason: "retention")])
    move.witness = Witness(offset: 19, timestampMicros: .min, checksum: 0xFFFF_0000_0000_0001)
    for offset in [Int64(13), 14, 19] { move.unknownSchemas.insert(offset) }
    move.clockMicros = -1
    move.state = Fixtures.state("x", cut: 20)
    entry.partitions = [move, PartitionMove(key: Fixtures.key(0), previous: 1, from: 0, to: 0)]
    entry.tables = [
      TableActions(
        table: "readings_x",
        actions: [["add": ["path": "a%20b", "stats": #"{"numRecords":1}"#, "z": 1, "a": 2]]])
    ]
    entry.decisions = [
      Decision(kind: .fireOpenWindows, key: Fixtures.key(0), offset: 20),
      Decision(kind: .partitionIdle, key: Fixtures.key(0), offset: 0),
    ]
    entry.counters = [Counter(name: "readings", value: 7)]
    return entry
  }

  @Test func `an entry comes back whole and writes the same bytes again`() throws {
    let bytes = Self.full.json.bytes
    let read = try LedgerEntry(parsing: bytes, path: "p", version: 42)
    #expect(read == Self.full)
    #expect(read.json.bytes == bytes)
  }

  @Test func `refused offsets are in order, and the move's own`() {
    let runs = #""unknown_schema":[{"from":13,"to":15},{"from":19,"to":20}]"#
    for (other, reason) in [
      (#"[{"from":13,"to":13},{"from":19,"to":20}]"#, "out of order"),
      (#"[{"from":13,"to":19},{"from":19,"to":20}]"#, "out of order"),
      (#"[{"from":19,"to":20},{"from":13,"to":15}]"#, "out of order"),
      (#"[{"from":9,"to":15}]"#, "not its own"), (#"[{"from":13,"to":21}]"#, "not its own"),
      (#"[{"from":13}]"#, "not an integer"), ("7", "not a list"),
    ] {
      let fault = "\(String(describing: fault(replacing: runs, by: #""unknown_schema":"# + other)))"
      #expect(fault.contains(reason), "\(other): \(fault)")
    }
  }

  @Test func `what is absent stays absent`() throws {
    var entry = Fixtures.entry(.create)
    entry.clusterID = nil
    let bytes = entry.json.bytes
    let read = try LedgerEntry(parsing: bytes, path: "p", version: 0)
    #expect(read == entry)
    #expect(read.json.bytes == bytes)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("null"))
  }

  @Test func `actions pass through byte for byte, whatever they hold`() throws {
    let action = #"{"add":{"z":1.50,"a":1e3,"n":12345678901234567890123,"s":"é\"","x":null}}"#
    var entry = Fixtures.entry(.commit)
    entry.tables = [TableActions(table: "t", actions: [try JSONValue(parsing: action)])]
    let read = try LedgerEntry(parsing: entry.json.bytes, path: "p", version: 0)
    #expect(read.tables[0].actions[0].text == action)
  }

  /// Replaces a part of the full entry's text and reads it.
  private func fault(replacing part: String, by other: String) -> LedgerError? {
    let text = String(decoding: Self.full.json.bytes, as: UTF8.self)
    precondition(text.contains(part), "the entry's text has \(part)")
    let changed = text.replacing(part, with: other, maxReplacements: 1)
    do {
      _ = try LedgerEntry(parsing: Array(changed.utf8), path: "file.json", version: 42)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    (#""format":1"#, #""format":2"#, "format 2"),
    (#""kind":"commit""#, #""kind":"compact""#, #"kind "compact""#),
    (#""kind":"fire_open_windows""#, #""kind":"guess""#, #"decision "guess""#),
  ])
  func `an unknown format or kind is refused, never guessed`(
    part: String, other: String, found: String
  ) throws {
    let error = try #require(fault(replacing: part, by: other))
    guard case .unknownFormat("file.json", found) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(error.description.contains("upgrade"))
  }

  @Test(arguments: [
    (#""version":42"#, #""version":43"#), (#""prev":41"#, #""prev":"41""#),
    (#""to":20"#, #""to":20.5"#), (#""offset":19"#, #""offset":null"#),
    (#""topic":"telemetry""#, #""topic":1"#), (#""partition_count":3"#, #""partition_count":4"#),
    (#""partition":3"#, #""partition":3000000000"#),
    (#""counters":{"readings":7}"#, #""counters":[]"#),
    (#""readings":7"#, #""readings":"7""#), (#""actions":["#, #""action":["#),
    (#""checksum":"ffff000000000001""#, #""checksum":"xyz""#), (#"{"format""#, #"["format""#),
  ])
  func `a damaged field is a fault that names the file`(part: String, other: String) throws {
    let error = try #require(fault(replacing: part, by: other))
    guard case .unreadable("file.json", _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func `no cut of the text and no flipped byte is a crash`() {
    let bytes = Self.full.json.bytes
    for count in 0..<bytes.count {
      #expect(throws: LedgerError.self) {
        _ = try LedgerEntry(parsing: Array(bytes.prefix(count)), path: "p", version: 42)
      }
    }
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x15
      _ = try? LedgerEntry(parsing: damaged, path: "p", version: 42)
    }
  }

  @Test func `the witness tells key from payload and nothing from empty`() {
    let one: [UInt8] = [1]
    let two: [UInt8] = [2]
    let empty: [UInt8] = []
    let checksums = unsafe [
      Witness.checksum(key: one.span.bytes, payload: two.span.bytes),
      Witness.checksum(key: two.span.bytes, payload: one.span.bytes),
      Witness.checksum(key: nil, payload: two.span.bytes),
      Witness.checksum(key: empty.span.bytes, payload: two.span.bytes),
      Witness.checksum(key: one.span.bytes, payload: nil),
      Witness.checksum(key: one.span.bytes, payload: empty.span.bytes),
      Witness.checksum(key: nil, payload: nil),
    ]
    #expect(Set(checksums).count == checksums.count)
  }
}
