import Base
import DeltaLog
import Ledger
import Storage

/// Deletes commits and log checkpoints behind a newer log checkpoint.
package enum LogCleanupStep: MaintenanceStep {
  package static let name = "log clean-up"

  /// See `MaintenanceStep`.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    let keepMillis = table.snapshot.properties.logRetentionMillis ?? pass.options.logKeepMillis
    guard table.memory.isCleanupDue(keepMillis: keepMillis) else { return }
    table.memory.noteCleanup()
    var options = LogCleanupOptions(
      nowMillis: pass.nowMillis, retentionMillis: pass.options.logKeepMillis,
      keepFrom: try keepFrom(table.name, pass.storage))
    // What alerts have not told goes later, and then they say so.
    let told = try alertsDelivered(of: table.name, pass.storage)
    let follower = options.keepFrom
    do throws(DeltaError) {
      options.keepFrom = min(follower, told)
      var plan = try table.snapshot.planCleanup(options)
      if plan.isEmpty, told < .max {
        options.retentionCount = alertsRetentionCount
        options.keepFrom = follower
        plan = try table.snapshot.planCleanup(options)
      }
      let pace = pass.pace
      // Asked before every file.
      var isUnderWay = false
      table.status.cleanedLogFileCount += try table.snapshot.cleanUp(plan) {
        if isUnderWay { CrashPoint.reached(.maintenanceLogCleaning) }
        isUnderWay = true
        return !pace.isEnding
      }
      table.status.logFileCount = try table.snapshot.logFileCount()
    } catch {
      throw .log(error)
    }
  }

  /// Alerts that cannot be sent are waited for so many times as long as the log is kept.
  private static let alertsRetentionCount: Int64 = 4

  /// The oldest version at which the ledger's two newest summaries saw the table: with it recovery
  /// begins. It could go on from a log checkpoint as well, but that does not say who changed what.
  static func keepFrom(
    _ table: String, _ storage: any Storage
  ) throws(MaintenanceFault) -> Int64 {
    do throws(StorageError) {
      var floor = Int64.max
      let summaries = try storage.list(Ledger.folder).compactMap(Ledger.summaryVersion(ofName:))
      for version in summaries.suffix(2) {
        if let stood = try bookmark(of: table, inSummary: version, storage) {
          floor = min(floor, stood)
        }
      }
      return floor
    } catch {
      throw .storage(error)
    }
  }

  /// The version up to which every webhook has been told of a table's steps; the largest for tables
  /// that none follows.
  private static func alertsDelivered(
    of table: String, _ storage: any Storage
  ) throws(MaintenanceFault) -> Int64 {
    guard table == "anomalies" else { return .max }
    do throws(StorageError) {
      var delivered = Int64.max
      for name in try storage.list("_alerts") where name.hasSuffix(".json") {
        let memory = try? JSONValue(parsing: storage.read("_alerts/" + name))
        guard let version = memory?["delivered"]?.int64Value else { continue }
        delivered = min(delivered, max(0, version))
      }
      return delivered
    } catch {
      throw .storage(error)
    }
  }

  private static func bookmark(
    of table: String, inSummary version: Int64, _ storage: any Storage
  ) throws(StorageError) -> Int64? {
    let bytes: [UInt8]
    do throws(StorageError) {
      bytes = try storage.read(Ledger.summaryPath(version))
    } catch {
      // Retired under our eyes.
      if error.kind == .notFound { return nil }
      throw error
    }
    let bookmarks = (try? JSONValue(parsing: bytes))?["bookmarks"]
    return bookmarks?[table].flatMap { TableBookmark($0) }?.deltaVersion
  }
}
