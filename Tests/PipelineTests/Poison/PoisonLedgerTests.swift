import Base
import Storage
import Testing

@testable import Ledger
@testable import Pipeline

/// Entries and summaries that lie: every one is read as it was meant, or refused with its name.
@Suite struct PoisonLedgerTests {
  private static let topic = "telemetry"
  private static let commitCount = 90

  private static func entry(_ kind: LedgerEntry.Kind, _ ledger: Ledger) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: ledger.nextCommitID(), ledgerID: "ledger", pipeline: "fleet",
      clusterID: "cluster", configFingerprint: "config", program: "test", writtenAtMicros: 1)
  }

  /// A chain with everything in it that an entry can hold.
  private static func chain() throws -> MemoryStorage {
    let storage = MemoryStorage()
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "i")
    try ledger.open()
    _ = try ledger.put(entry(.create, ledger))
    var opening = entry(.open, ledger)
    opening.openings = [
      TopicOpening(
        topic: topic, incarnation: 0, partitionCount: 3, firstPartition: 0,
        startOffsets: [0, 5, 7])
    ]
    _ = try ledger.put(opening)
    for step in 0..<commitCount {
      _ = try ledger.put(commit(step, ledger))
      let bookmark: JSONValue = ["deltaVersion": 3, "txnVersion": 4, "protocol": .null]
      try ledger.summarizeIfDue(
        bookmarks: [JSONMember("windows", bookmark)], takenVersion: ledger.state.lastVersion)
    }
    return storage
  }

  private static func commit(_ step: Int, _ ledger: Ledger) -> LedgerEntry {
    var commit = entry(.commit, ledger)
    for partition in Int32(0)..<2 {
      let key = PartitionKey(topic: topic, incarnation: 0, partition: partition)
      guard let known = ledger.state.partitions[key] else { continue }
      let to = known.to + 10
      var move = PartitionMove(
        key: key, previous: known.lastVersion, from: known.to, to: to, notDelivered: 1,
        witness: Witness(offset: to - 1, timestampMicros: 7, checksum: 8), clockMicros: 9)
      if step % 4 == 0 {
        move.gaps = [OffsetGap(from: known.to, to: known.to + 2, reason: "retention")]
      }
      if step % 5 == 0 {
        move.state = StateReference(
          path: "_state/s\(step)-\(partition)", cut: to, byteCount: 10, checksum: 11)
      }
      commit.partitions.append(move)
    }
    commit.tables = [TableActions(table: "windows", actions: [["add": ["path": "p", "size": 3]]])]
    commit.decisions = [
      Decision(
        kind: .fireOpenWindows,
        key: PartitionKey(topic: topic, incarnation: 0, partition: 0), offset: 3)
    ]
    commit.counters = [Counter(name: "readings", value: 10), Counter(name: "files", value: 1)]
    return commit
  }

  private static func replace(
    _ path: String, _ bytes: [UInt8], _ storage: MemoryStorage
  ) throws {
    try storage.delete(path)
    _ = try storage.putIfAbsent(path, bytes)
  }

  /// What every reader may rely on, whatever the files say.
  private static func expectSound(_ state: ChainState, _ trail: String) {
    for (key, partition) in state.partitions {
      #expect(partition.start >= 0 && partition.start <= partition.to, "\(key): \(trail)")
      #expect(partition.states.allSatisfy { $0.cut <= partition.to }, "\(key): \(trail)")
      #expect(partition.states.allSatisfy { $0.path.hasPrefix("_state/") }, "\(key): \(trail)")
      #expect(partition.lastVersion < state.nextVersion, "\(key): \(trail)")
      #expect((partition.witness?.offset ?? -1) < partition.to, "\(key): \(trail)")
      #expect(partition.skippedCount >= 0 && partition.notDeliveredCount >= 0, "\(trail)")
    }
    #expect(state.tables.keys.allSatisfy { !$0.contains("/") }, "\(trail)")
  }

  /// Opens the chain and goes on with it: both end in order, whatever the files say.
  private static func read(_ storage: MemoryStorage, _ trail: String) -> ChainState? {
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    do throws(LedgerError) {
      try ledger.open()
      expectSound(ledger.state, trail)
      let state = ledger.state
      if !state.isEmpty { _ = try ledger.put(entry(.configure, ledger)) }
      try ledger.summarizeIfDue(bookmarks: [], takenVersion: ledger.state.lastVersion)
      _ = ledger.takeRetiredStates()
      return state
    } catch {
      #expect("\(error)".contains("_ledger/") || "\(error)".contains("ledger entry"), "\(trail)")
      return nil
    }
  }

  @Test(.timeLimit(.minutes(5))) func `a damaged entry is refused by name, every one`() throws {
    let original = try Self.chain()
    let whole = try #require(Self.read(try Self.chain(), "undamaged"))
    let paths = original.paths.filter { $0.hasSuffix(".json") }
    let files = try paths.map { ($0, try original.read($0)) }
    // Those that a recovery reads: the ones after the newest summary.
    let newest = try #require(original.paths.last { $0.contains("summary-") })
    let read = files.filter { $0.0 > "_ledger/" + newest.dropFirst("_ledger/summary-".count) }
    #expect(read.count > 5)
    try Poison.run("damaged entries", cases: 200) { random, trail in
      let (path, bytes) = random.pick(read)
      let damaged = ByteMutation.mutate(bytes, &random)
      try Self.replace(path, damaged, original)
      defer { try? Self.replace(path, bytes, original) }
      let ledger = Ledger(storage: original, pipeline: "fleet", incarnation: "reader")
      do throws(LedgerError) {
        try ledger.open()
        // Only where nothing was changed. Without a checksum the rest may have been changed too.
        #expect(ledger.state == whole || !Self.hasChecksum(damaged), "\(trail)")
      } catch {
        // Without a checksum it may be the next entry that does not fit this one.
        #expect("\(error)".contains(path) || !Self.hasChecksum(damaged), "\(error): \(trail)")
      }
    }
  }

  /// Whether an entry has a checksum, true or not: one whose member was damaged beyond recognition
  /// is read as one of an early program, which wrote none.
  private static func hasChecksum(_ entry: [UInt8]) -> Bool {
    (try? JSONValue(parsing: entry))?["checksum"] != nil
  }

  @Test func `an entry with a checksum in another shape or place is damaged`() throws {
    let storage = try Self.chain()
    let path = try #require(storage.paths.last { $0.hasSuffix(".json") })
    let text = String(decoding: try storage.read(path), as: UTF8.self)
    // `,"checksum":"0123456789abcdef"}` is what every entry ends with.
    let content = String(text.dropLast(31))
    let checksum = String(text.suffix(18).prefix(16))
    #expect(text == content + #","checksum":"\#(checksum)"}"#)
    for changed in [
      content + #","checksum":"\#(checksum.dropLast())"}"#,
      content + #","checksum":7}"#,
      #"{"checksum":"\#(checksum)","# + content.dropFirst() + "}",
    ] {
      try Self.replace(path, Array(changed.utf8), storage)
      let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
      let error = #expect(throws: LedgerError.self) { try ledger.open() }
      #expect(error.map { "\($0)".contains(path) } == true)
    }
  }

  @Test(.timeLimit(.minutes(5)))
  func `entries with true checksums may lie about anything`() throws {
    let storage = try Self.chain()
    let entries = try storage.paths.filter { $0.hasSuffix(".json") }.map { path in
      (path, try JSONValue(parsing: try storage.read(path)))
    }
    var files: [String: [UInt8]] = [:]
    for path in storage.paths { files[path] = try storage.read(path) }
    try Poison.run("lying entries", cases: 200) { random, trail in
      let (path, json) = random.pick(Array(entries.suffix(30)))
      let lying = MemoryStorage()
      for (known, bytes) in files where known != path { _ = try lying.putIfAbsent(known, bytes) }
      let members = (json.members ?? []).filter { $0.name != "checksum" }
      let body = JSONMutation.mutate(.object(members), &random)
      _ = try lying.putIfAbsent(path, Self.withChecksum(body))
      _ = Self.read(lying, trail)
    }
  }

  /// The same entries alone, many more of them: read, held against the chain, taken.
  @Test(.timeLimit(.minutes(5)))
  func `an entry is read or refused, and what is read can be taken`() throws {
    let storage = try Self.chain()
    let path = try #require(storage.paths.last { $0.hasSuffix(".json") })
    let name = String(path.dropFirst("_ledger/".count))
    let version = try #require(Ledger.entryVersion(ofName: name))
    let json = try JSONValue(parsing: try storage.read(path))
    let body = JSONValue.object((json.members ?? []).filter { $0.name != "checksum" })
    let before = try Self.state(storage, before: version)
    var takenCount = 0
    Poison.run("entries", cases: 4000) { random, trail in
      let bytes = Self.withChecksum(JSONMutation.mutate(body, &random))
      do throws(LedgerError) {
        let entry = try LedgerEntry(parsing: bytes, path: path, version: version)
        #expect(entry.json == (try? JSONValue(parsing: entry.json.bytes)), "\(trail)")
        if before.conflict(with: entry) != nil { return }
        var state = before
        state.apply(entry)
        takenCount += 1
        Self.expectSound(state, trail)
      } catch {
        #expect("\(error)".contains(path), "\(trail)")
      }
    }
    #expect(takenCount > 0)
  }

  /// The chain up to an entry: the newest summary, and the entries after it.
  private static func state(_ storage: MemoryStorage, before end: Int64) throws -> ChainState {
    let path = try #require(storage.paths.last { $0.contains("summary-") })
    let covered = try #require(
      Ledger.summaryVersion(ofName: String(path.dropFirst("_ledger/".count))))
    let summary = try LedgerSummary(
      parsing: try storage.read(path), path: path, version: covered)
    var state = try #require(summary).state
    for version in state.nextVersion..<end {
      let bytes = try storage.read(Ledger.entryPath(version))
      state.apply(try LedgerEntry(parsing: bytes, path: "p", version: version))
    }
    return state
  }

  /// As `LedgerEntry.fileBytes` writes it.
  private static func withChecksum(_ body: JSONValue) -> [UInt8] {
    var bytes = body.bytes
    guard bytes.last == UInt8(ascii: "}"), bytes.count > 2 else { return bytes }
    bytes.removeLast()
    let checksum = RandomID.hex(XXHash64.hash(bytes))
    return bytes + Array(",\"checksum\":\"\(checksum)\"}".utf8)
  }

  @Test(.timeLimit(.minutes(5)))
  func `summaries with true checksums may lie about anything`() throws {
    let storage = try Self.chain()
    let path = try #require(storage.paths.last { $0.contains("summary-") })
    let json = try JSONValue(parsing: try storage.read(path))
    let state = try #require(json["state"])
    let bookmarks = try #require(json["bookmarks"])
    var files: [String: [UInt8]] = [:]
    for known in storage.paths where known != path { files[known] = try storage.read(known) }
    try Poison.run("lying summaries", cases: 200) { random, trail in
      let lying = MemoryStorage()
      for (known, bytes) in files { _ = try lying.putIfAbsent(known, bytes) }
      let state = JSONMutation.mutate(state, &random)
      let bookmarks = random.chance(oneIn: 3) ? JSONMutation.mutate(bookmarks, &random) : bookmarks
      let checksum = RandomID.hex(XXHash64.hash(state.bytes + bookmarks.bytes))
      let summary: JSONValue = [
        "format": 1, "checksum": .string(checksum), "bookmarks": bookmarks, "state": state,
      ]
      _ = try lying.putIfAbsent(path, summary.bytes)
      _ = Self.read(lying, trail)
    }
  }

  @Test(.timeLimit(.minutes(5))) func `a damaged summary gives way to the older one`() throws {
    let storage = try Self.chain()
    let whole = try #require(Self.read(try Self.chain(), "undamaged"))
    let path = try #require(storage.paths.last { $0.contains("summary-") })
    let bytes = try storage.read(path)
    try Poison.run("damaged summaries", cases: 100) { random, trail in
      try Self.replace(path, ByteMutation.mutate(bytes, &random), storage)
      let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
      do throws(LedgerError) {
        try ledger.open()
        #expect(ledger.state == whole, "\(trail)")
      } catch {
        // The format is read only where everything else is whole.
        #expect("\(error)".contains(path), "\(error): \(trail)")
      }
    }
  }

  @Test func `two damaged summaries are a stop that names both`() throws {
    let storage = try Self.chain()
    let paths = storage.paths.filter { $0.contains("summary-") }
    for path in paths { try Self.replace(path, [1, 2, 3], storage) }
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    let error = #expect(throws: LedgerError.self) { try ledger.open() }
    for path in paths { #expect(error?.description.contains(path) == true) }
  }

  @Test func `a damaged newest summary whose entries are gone is named`() throws {
    let storage = try Self.chain()
    let summaries = storage.paths.filter { $0.contains("summary-") }
    let newest = try #require(summaries.last)
    let entry = "_ledger/" + newest.dropFirst("_ledger/summary-".count) + ".json"
    try Self.replace(newest, [1], storage)
    try storage.delete(entry)
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    let error = #expect(throws: LedgerError.self) { try ledger.open() }
    #expect(error?.description.contains(newest) == true, "\(String(describing: error))")
  }

  @Test func `files beside the chain are not of it`() throws {
    let storage = try Self.chain()
    let whole = try #require(Self.read(try Self.chain(), "undamaged"))
    for name in [
      "summary-99", "+0000000000000000099.json", "00000000000000000042 (copy).json", "99.json",
      "summary-99999999999999999999", "99999999999999999999.json", "-0000000000000000001.json",
      "summary-00000000000000000400.bak", "09223372036854775807.json",
    ] { _ = try storage.putIfAbsent("_ledger/\(name)", [1]) }
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    #expect(ledger.state == whole)
  }

  @Test func `a summary under another's name is passed over`() throws {
    let storage = try Self.chain()
    let whole = try #require(Self.read(try Self.chain(), "undamaged"))
    let summaries = storage.paths.filter { $0.contains("summary-") }
    try Self.replace(summaries[1], try storage.read(summaries[0]), storage)
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    #expect(ledger.state == whole)
  }
}
