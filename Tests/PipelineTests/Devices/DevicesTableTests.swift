import Base
import Decode
import DeltaLog
import Ledger
import Storage
import Testing

@testable import Pipeline

@Suite struct DevicesTableTests {
  private static let second: Int64 = 1_000_000
  private static let start = TestSources.startMillis * 1000

  /// What an owner who was never disturbed leaves.
  private func undisturbed(through end: Int64) throws -> [String: [String: String]] {
    let storage = MemoryStorage()
    try DevicesDriver(storage, incarnation: "u").advance(through: end)
    return try DevicesContent(storage).rows
  }

  @Test func `a row says what the readings of its device say`() throws {
    let storage = MemoryStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 60)
    let rows = try DevicesContent(storage).rows
    #expect(rows.count == 10, "seven satellites and three inverters")
    // Offsets 3, 10, … 59; 38 is 11 · 3 + 5 and lies thirty seconds back.
    let satellite = try #require(rows["telemetry/0/0 sat-3"])
    let offsets = Array(stride(from: 3, to: 60, by: 7))
    let seconds = offsets.map { Int64($0 % 11 == 5 ? $0 - 30 : $0) }
    #expect(satellite["source"] == "snapshots")
    #expect(satellite["readings"] == "\(offsets.count)")
    #expect(satellite["records"] == "\(offsets.count)")
    #expect(satellite["first_seen"] == "\(Self.start + (seconds.min() ?? 0) * Self.second)")
    #expect(satellite["last_seen"] == "\(Self.start + 59 * Self.second)")
    #expect(satellite["last_kafka_timestamp"] == "\(Self.start + 59 * Self.second)")
    #expect(satellite["kafka_offset"] == "59")
    #expect(satellite["watermark"] == "\(Self.start + 58 * Self.second)")
    #expect(satellite["late_readings"] == "1")
    #expect(satellite["clock_skew_ms"] == "0")
    #expect(satellite["region"] == "us")
    // 31 is the first of its offsets from 30 on that has a region.
    #expect(satellite["region_since"] == "\(Self.start + 31 * Self.second)")
    #expect(satellite["model"] == nil, "an attribute of another source")
    let inverter = try #require(rows["samples/0/0 inv-2"])
    #expect(inverter["readings"] == "40")
    #expect(inverter["records"] == "20")
    #expect(inverter["source"] == "samples")
    #expect(inverter["model"] == "m1")
    #expect(inverter["firmware"] == nil)
  }

  @Test func `each writing replaces the part of the one before`() throws {
    let storage = MemoryStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    for end in [10, 20, 30] as [Int64] { try driver.advance(through: end) }
    let content = try DevicesContent(storage)
    #expect(content.fileCount == 2)
    #expect(content.snapshot.version == 3, "one commit for both partitions each time")
    #expect(content.snapshot.tombstoneCount == 4)
    #expect(try content.rows == undisturbed(through: 30))
    let versions = Set(
      content.snapshot.transactions.filter { $0.key.hasPrefix("downlink-devices:fleet/") }
        .map(\.value.version))
    #expect(versions == [driver.committer.state.lastVersion])
  }

  @Test func `nothing is written where nothing is due`() throws {
    let storage = TestStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 10)
    let before = storage.operations.count
    try driver.advance(through: 10)
    #expect(!storage.operations[before...].contains { $0.contains("tables/devices") })
    let never = try DevicesDriver(storage, incarnation: "b", everyMillis: nil)
    try never.advance(through: 20)
    #expect(try DevicesContent(storage).snapshot.version == 1)
  }

  // MARK: - Kills and rivals

  @Test func `what a kill behind the entry has left out is written by the next owner`() throws {
    let storage = MemoryStorage()
    let first = try DevicesDriver(storage, incarnation: "a")
    try first.advance(through: 10)
    _ = try first.commit(through: 25)
    // Killed here; the next one finds no new records.
    let second = try DevicesDriver(storage, incarnation: "b")
    try second.advance(through: 25)
    #expect(try DevicesContent(storage).rows == undisturbed(through: 25))
  }

  @Test func `what the table has is not written again after a restart`() throws {
    let storage = MemoryStorage()
    try DevicesDriver(storage, incarnation: "a").advance(through: 10)
    let paths = storage.paths
    try DevicesDriver(storage, incarnation: "b").advance(through: 10)
    #expect(storage.paths == paths)
  }

  @Test func `an owner who was away loses against the one after him`() throws {
    let storage = MemoryStorage()
    let old = try DevicesDriver(storage, incarnation: "a")
    let late = try old.commit(through: 10)
    let new = try DevicesDriver(storage, incarnation: "b")
    try new.advance(through: 30)
    try old.committer.writeDevices(late)
    #expect(try DevicesContent(storage).rows == undisturbed(through: 30))
  }

  @Test func `he loses in the moment before his commit too, and leaves no file`() throws {
    let memory = MemoryStorage()
    let storage = TestStorage(memory)
    let old = try DevicesDriver(storage, incarnation: "a")
    let late = try old.commit(through: 10)
    storage.meddle(before: "put tables/devices/_delta_log") {
      do {
        try DevicesDriver(memory, incarnation: "b").advance(through: 30)
      } catch {
        Issue.record(error)
      }
    }
    try old.committer.writeDevices(late)
    let content = try DevicesContent(memory)
    #expect(try content.rows == undisturbed(through: 30))
    #expect(content.snapshot.version == 1)
    let files = memory.paths.filter { $0.hasPrefix("tables/devices/") && $0.hasSuffix(".parquet") }
    #expect(files.count == content.fileCount)
  }

  @Test func `the first part of a late owner, put in the moment before ours, is replaced`() throws {
    let memory = MemoryStorage()
    let storage = TestStorage(memory)
    let old = try DevicesDriver(memory, incarnation: "a")
    let late = try old.commit(through: 10)
    // What he writes is taken away, and put where he comes late.
    let before = Set(memory.paths)
    try old.committer.writeDevices(late)
    let files = try memory.paths.filter { !before.contains($0) }.map { ($0, try memory.read($0)) }
    #expect(files.count == 3)
    for (path, _) in files { try memory.delete(path) }
    let new = try DevicesDriver(storage, incarnation: "b")
    let rows = try new.commit(through: 30)
    storage.meddle(before: "put tables/devices/_delta_log") {
      for (path, bytes) in files { _ = try? memory.putIfAbsent(path, bytes) }
    }
    try new.committer.writeDevices(rows)
    let content = try DevicesContent(memory)
    #expect(content.snapshot.version == 2 && content.fileCount == 2)
    #expect(try content.rows == undisturbed(through: 30))
  }

  @Test func `files that another engine has merged are replaced under their new name`() throws {
    let memory = MemoryStorage()
    let storage = TestStorage(memory)
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 10)
    storage.meddle(before: "put tables/devices/_delta_log") {
      do { try Self.optimize(memory) } catch { Issue.record(error) }
    }
    try driver.advance(through: 20)
    let content = try DevicesContent(memory)
    #expect(content.fileCount == 2)
    #expect(content.snapshot.version == 3)
    #expect(try content.rows == undisturbed(through: 20))
  }

  @Test func `where rows may only come the table is left as it is, without a file more`() throws {
    let storage = MemoryStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 10)
    var table = try DevicesContent(storage).snapshot
    var members = try #require(table.metaData?.members)
    members.removeAll { $0.name == "configuration" }
    members.append(JSONMember("configuration", ["delta.appendOnly": "true"]))
    let commit = MaintenanceCommit(
      operation: "SET TBLPROPERTIES", atMillis: 5, basedOn: table.version,
      actions: [["metaData": .object(members)]])
    #expect(try table.commitMaintenance(commit) == .committed(version: 2))
    let paths = storage.paths.filter { $0.hasPrefix("tables/devices/") }
    let rows = try driver.commit(through: 20)
    try driver.committer.writeDevices(rows)
    #expect(driver.committer.devicesTrouble?.contains("delta.appendOnly") == true)
    #expect(storage.paths.filter { $0.hasPrefix("tables/devices/") } == paths)
    #expect(try DevicesContent(storage).rows == undisturbed(through: 10))
  }

  /// Gives every file of the table another name, as a rewrite does.
  private static func optimize(_ storage: MemoryStorage) throws {
    var table = TableSnapshot(storage: storage, folder: "tables/devices", engine: "other")
    try table.follow()
    var actions: [JSONValue] = []
    for (number, file) in Array(table.files).enumerated() {
      actions.append(file.removal(atMillis: 5, changesRows: false))
      let path = "other-\(number).parquet"
      _ = try storage.putIfAbsent(
        "tables/devices/\(path)", try storage.read("tables/devices/\(file.path)"))
      actions.append([
        "add": [
          "path": .string(path), "partitionValues": file.partitionValues.json,
          "size": .int(file.byteCount), "modificationTime": 5, "dataChange": false,
        ]
      ])
    }
    let commit = MaintenanceCommit(
      operation: "OPTIMIZE", atMillis: 5, basedOn: table.version, actions: actions)
    #expect(try table.commitMaintenance(commit) == .committed(version: 2))
  }

  // MARK: - Storage

  @Test func `a death at any step leaves what the next owner makes whole`() throws {
    let wanted = try undisturbed(through: 30)
    var deaths = 0
    while true {
      let memory = MemoryStorage()
      let storage = TestStorage(memory)
      let driver = try DevicesDriver(storage, incarnation: "a")
      try driver.advance(through: 10)
      let rows = try driver.commit(through: 20)
      let before = storage.operations.count
      storage.die(after: deaths)
      var failure: CommitFailure?
      do throws(CommitFailure) { try driver.committer.writeDevices(rows) } catch {
        failure = error
      }
      let next = try DevicesDriver(memory, incarnation: "b")
      try next.advance(through: 30)
      #expect(try DevicesContent(memory).rows == wanted, "after a death at step \(deaths)")
      guard let failure else {
        #expect(deaths > 10, "it takes some steps: \(storage.operations.count - before)")
        return
      }
      guard case .syncFailed = failure else {
        Issue.record("a failed sync ends the process: \(failure)")
        return
      }
      deaths += 1
    }
  }

  @Test func `a full disk keeps nobody from committing, and the next writing has it all`() throws {
    let storage = MemoryStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 10)
    let rows = try driver.commit(through: 20)
    storage.plan(.init(.create, pathPart: "tables/devices", kind: .noSpace))
    try driver.committer.writeDevices(rows)
    #expect(driver.committer.devicesTrouble != nil)
    #expect(try DevicesContent(storage).snapshot.version == 1)
    // No rows are due: those that wait are tried.
    try driver.committer.writeDevices([])
    #expect(driver.committer.devicesTrouble == nil)
    #expect(try DevicesContent(storage).rows == undisturbed(through: 20))
  }

  // MARK: - Definition

  @Test func `attributes give way to columns of the table`() throws {
    let mapping = MessageMapping(
      source: "clash", messageName: "fleet.telemetry.v1.DeviceTelemetry",
      device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
      sequence: "sequence",
      attributes: [
        .init(field: "region", name: "watermark"), .init(field: "firmware", name: "Records_since"),
      ],
      plausibleFromMicros: 0)
    let source = SourceOptions(
      topics: ["clash"], plan: try DecodePlan(mapping), windows: [],
      eventTime: TestSources.eventTime, detectors: [])
    let names = DevicesTable.definition([try TestSources.wide(), source]).columns.map(\.name)
    let attributes = names[7..<15]
    #expect(
      Array(attributes) == [
        "region", "region_since", "firmware", "firmware_since", "watermark_attribute",
        "watermark_attribute_since", "Records_since", "Records_since_since",
      ])
  }

  @Test func `other owners' commits of it are nobody's meddling`() throws {
    let storage = MemoryStorage()
    let driver = try DevicesDriver(storage, incarnation: "a")
    try driver.advance(through: 10)
    let ledgerID = driver.committer.state.ledgerID
    let table = DeltaTable(
      storage: storage, folder: "tables/devices", appID: "fleet/\(ledgerID)", engineInfo: "test")
    #expect(try table.catchUp(after: .empty).foreignCommits.isEmpty)
  }
}
