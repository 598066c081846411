import Base
package import DeltaLog
package import Storage

/// One table in the hands of maintenance: what is known of it from one pass to the next. Every step
/// reads it, and writes down in `status` what it did.
package struct MaintainedTable {
  package let name: String
  /// The table as its log had it when it was followed last: before the first step of a turn, and by
  /// every commit of ours.
  package var snapshot: TableSnapshot
  package var status: TableStatus
  /// What steps remember from one pass to the next.
  package var memory = TableMemory()
  /// Paths of files that cannot be merged with others, until the process ends.
  package private(set) var leftAlone: Set<String> = []

  /// - Parameter engine: name and version of this program, for commitInfo.
  package init(name: String, storage: any Storage, engine: String) {
    self.name = name
    snapshot = TableSnapshot(storage: storage, folder: "tables/\(name)", engine: engine)
    status = TableStatus(name: name)
  }

  /// The table's folder below the root.
  package var folder: String { snapshot.folder }

  /// Whether this pipeline made the table: a table of others in our root is none of our business.
  package func isOurs(_ pipeline: String) -> Bool {
    snapshot.transactions.keys.contains {
      $0.hasPrefix(pipeline + "/") || $0.hasPrefix("downlink-devices:\(pipeline)/")
    }
  }

  /// The pipeline that made the table, by its transactions; nil where none did.
  package var pipeline: String? {
    let own = snapshot.transactions.keys.filter { !$0.contains(":") && $0.contains("/") }
    return own.sorted().first.flatMap { $0.split(separator: "/").first.map(String.init) }
  }

  /// Reads on to the log's end.
  package mutating func follow() throws(MaintenanceFault) {
    do throws(DeltaError) { try snapshot.follow() } catch { throw .log(error) }
    noteSnapshot()
  }

  /// Puts a commit of maintenance behind the log's end. After an error nobody knows whether it is
  /// there, until the log says.
  package mutating func commit(
    _ commit: MaintenanceCommit
  ) throws(MaintenanceFault) -> MaintenanceOutcome {
    let outcome: MaintenanceOutcome
    do throws(DeltaError) {
      outcome = try snapshot.commitMaintenance(commit)
    } catch {
      throw .log(error)
    }
    if case .committed = outcome { CrashPoint.reached(.maintenanceCommitted) }
    return outcome
  }

  /// - Parameter path: below the root.
  package mutating func leaveAlone(_ path: String) {
    leftAlone.insert(String(path.dropFirst(folder.utf8.count + 1)))
  }

  /// Writes down what the snapshot says.
  package mutating func noteSnapshot() {
    status.version = snapshot.version
    status.fileCount = snapshot.fileCount
    status.byteCount = snapshot.byteCount
    status.tombstoneCount = snapshot.tombstoneCount
    status.tombstoneByteCount = snapshot.removedByteCount
  }
}

/// One thing that a pass does to a table.
///
/// A step decides by what it is given and what it finds, never by what it remembers of an attempt
/// before: a process may die between any two system calls, and the next one begins anew.
package protocol MaintenanceStep: Sendable {
  /// For logs and status: two or three words.
  static var name: String { get }

  /// Does what is due now; nothing where nothing is. Anything that takes long asks `pass.pace`.
  static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault)
}
