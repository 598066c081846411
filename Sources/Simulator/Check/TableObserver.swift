import Base

/// Watches the logs of all tables from outside while they are written, commit by commit: the
/// ledger's, maintenance's, other programs'.
///
/// Looks at the moment a name comes or goes, before whoever did it goes on (I10, I13).
final class TableObserver: @unchecked Sendable {
  // @unchecked because only the simulated thread that has the turn looks, and holds it meanwhile.
  private let disk: ObservedDisk
  private let list: ViolationList
  private let tally: FaultTally
  /// For how long dates are kept, by table; milliseconds.
  private let keepMillis: [String: Int64]

  init(disk: ObservedDisk, list: ViolationList, tally: FaultTally, keepMillis: [String: Int64]) {
    self.disk = disk
    self.list = list
    self.tally = tally
    self.keepMillis = keepMillis
  }

  // MARK: - Commits

  /// A commit has got its name, or was there when another one was to get it. Called before the
  /// archive takes it.
  func look(_ actions: [JSONValue], version: Int64, table: String) {
    let before = disk.archive.states[table] ?? TableState()
    let name = "\(table) version \(version)"
    if version <= before.version {
      // Behind a log checkpoint the number of a commit that was cleaned up is free again.
      list.check(
        .maintenanceKeepsRows,
        disk.archive.commits[table]?[Int(version)] == actions
          ? nil : "\(name) is put a second time, where another commit was cleaned up")
      return
    }
    let adds = actions.compactMap { $0["add"] }
    let removes = actions.compactMap { $0["remove"] }
    for add in adds { check(add, of: table, name) }
    var gone: Set<String> = []
    for remove in removes {
      let path = remove["path"]?.stringValue ?? ""
      list.check(
        .maintenanceKeepsRows,
        before.live[path] != nil && gone.insert(path).inserted
          ? nil : "\(name) removes \(path), which is not live")
    }
    // The table of devices is made anew on purpose, whole partitions at a time.
    if removes.isEmpty || table == "devices" { return }
    if removes.contains(where: { $0["dataChange"]?.boolValue != false }) {
      checkExpiry(removes, adds, actions, table, name)
    } else {
      checkRows(removes, adds, table, name)
    }
    note(actions)
  }

  private func check(_ add: JSONValue, of table: String, _ name: String) {
    let path = "tables/\(table)/\(add["path"]?.stringValue ?? "")"
    list.check(
      .durableBeforeNamed, disk.isDurable(path) ? nil : "\(name) names \(path), not durable")
    list.check(
      .everyFileIsThere,
      disk.contents(path).map { Int64($0.count) } == add["size"]?.int64Value
        ? nil : "\(name) names \(path), which has another size or is not there")
  }

  /// Files may be made anew with the rows they have, and with no others.
  private func checkRows(
    _ removes: [JSONValue], _ adds: [JSONValue], _ table: String, _ name: String
  ) {
    func rows(_ actions: [JSONValue]) -> [String: Int] {
      var counts: [String: Int] = [:]
      for action in actions {
        let date = action["partitionValues"]?["event_date"]?.stringValue
        let path = "tables/\(table)/\(action["path"]?.stringValue ?? "")"
        for row in TableRows(disk: disk, table: table).rows(path, date: date) ?? [] {
          counts[row.text, default: 0] += 1
        }
      }
      return counts
    }
    let before = rows(removes.map { withDate($0, table) })
    list.check(
      .maintenanceKeepsRows,
      before == rows(adds) ? nil : "\(name) does not have the rows of what it replaces")
  }

  /// A removal need not say which partition its file is of; the table knows.
  private func withDate(_ remove: JSONValue, _ table: String) -> JSONValue {
    remove["path"]?.stringValue.flatMap { disk.archive.states[table]?.live[$0] } ?? remove
  }

  /// Rows go only with whole dates, and only when these are kept no longer.
  private func checkExpiry(
    _ removes: [JSONValue], _ adds: [JSONValue], _ actions: [JSONValue], _ table: String,
    _ name: String
  ) {
    let atMillis = actions.compactMap { $0["commitInfo"]?["timestamp"]?.int64Value }.first ?? 0
    let dates = Set(
      removes.map {
        withDate($0, table)["partitionValues"]?["event_date"]?.stringValue ?? "none"
      })
    guard adds.isEmpty, let keep = keepMillis[table] else {
      list.check(.maintenanceKeepsRows, "\(name) takes rows away: \(dates.sorted())")
      return
    }
    for date in dates.sorted() {
      let end = Self.endMillis(ofDate: date)
      // Between the plan and the commit a clock may have been set back.
      let isDue = end.map { $0 + keep <= atMillis } == true || tally.taken[.clockJumped] != nil
      list.check(
        .maintenanceKeepsRows, isDue ? nil : "\(name) takes \(date) away too early")
    }
    tally.note(.datesExpired)
  }

  private static func endMillis(ofDate date: String) -> Int64? {
    let parts = date.split(separator: "-").compactMap { Int($0) }
    guard parts.count == 3 else { return nil }
    let day = Timestamp.day(year: parts[0], month: parts[1], day: parts[2])
    return (Int64(day) + 1) * 86_400_000
  }

  private func note(_ actions: [JSONValue]) {
    let info = actions.compactMap { $0["commitInfo"] }.first
    guard info?["operation"]?.stringValue == "OPTIMIZE",
      info?["engineInfo"]?.stringValue != OtherEngine.name
    else { return }
    tally.note(.tableCompacted)
  }

  /// A log checkpoint has got its name: it must say what the commits up to its version said.
  func lookAtCheckpoint(_ path: String, _ bytes: [UInt8], _ table: String, version: Int64) {
    tally.note(.logCheckpointWritten)
    guard let due = disk.archive.state(of: table, at: version) else {
      list.check(.maintenanceKeepsRows, "\(path) is of a version that is not there")
      return
    }
    let objection: String?
    do {
      objection = try LogCheckpointCheck(bytes).objection(to: due)
    } catch {
      objection = "it cannot be read: \(error)"
    }
    list.check(.maintenanceKeepsRows, objection.map { "\(path): \($0)" })
  }

  // MARK: - Deletions

  /// A file below `tables/` has lost its name.
  func lookAtDeletion(of path: String) {
    let parts = path.split(separator: "/", maxSplits: 2).map(String.init)
    guard parts.count == 3 else { return }
    let (table, rest) = (parts[1], parts[2])
    if rest.hasPrefix("_delta_log/") {
      lookAtLogDeletion(of: path, String(rest.dropFirst("_delta_log/".count)), table)
      return
    }
    guard rest.hasSuffix(".parquet") else { return }
    let state = disk.archive.states[table] ?? TableState()
    list.check(
      .everyFileIsThere, state.live[rest] == nil ? nil : "\(path) is live and was deleted")
    guard disk.isMaintaining else { return }
    tally.note(state.removed[rest] == nil ? .orphanDeleted : .removedFileDeleted)
  }

  /// A commit may go only behind a log checkpoint that is there for good.
  private func lookAtLogDeletion(of path: String, _ name: String, _ table: String) {
    guard name.hasSuffix(".json"), let version = Int64(name.prefix(20)) else { return }
    let isCovered = disk.logCheckpoints(of: table).contains { checkpoint in
      checkpoint.version > version && disk.isDurable(checkpoint.path)
    }
    list.check(
      .maintenanceKeepsRows,
      isCovered ? nil : "\(path) was cleaned up without a durable log checkpoint behind it")
    tally.note(.logCleanedUp)
  }
}
