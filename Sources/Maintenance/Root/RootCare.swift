import Base
import Logging
import Storage

/// What is done for a root as a whole, after its tables: state snapshots that nobody names, files
/// that were never finished, and the account of the space.
struct RootCare {
  private static let walkNanos: Int64 = 3600 * 1_000_000_000
  private static let foldersOfOurs = ["", "_ledger", "_state", "_alerts", "_maintenance", "tables"]

  private var nextWalkNanos: Int64 = 0
  /// What the last walk found, and what the tables' logs said then.
  private var walked: (byteCount: Int64, tablesByteCount: Int64)?
  private var growth = GrowthRecord()
  private var isWarned = false

  /// - Parameter tables: as of this pass.
  mutating func run(
    _ tables: [TableStatus], in pass: MaintenancePass, _ status: inout RootStatus
  ) throws(MaintenanceFault) {
    let now = MonotonicClock.nowNanos()
    let tablesByteCount = tables.reduce(0) { $0 + $1.byteCount + $1.tombstoneByteCount }
    if now >= nextWalkNanos {
      try sweep(pass, &status)
      walked = (try FolderSize.byteCount(pass), tablesByteCount)
      nextWalkNanos = now + Self.walkNanos
    }
    guard let walked else { return }
    var use = StorageUse(
      usedByteCount: max(0, walked.byteCount + tablesByteCount - walked.tablesByteCount),
      liveByteCount: tables.reduce(0) { $0 + $1.byteCount },
      removedByteCount: tables.reduce(0) { $0 + $1.tombstoneByteCount })
    use.freeByteCount = try? pass.storage.freeByteCount()
    if let budget = pass.options.budgetByteCount {
      use.budgetByteCount = budget
      use.warningByteCount = Int64(Double(budget) * pass.options.budgetWarningShare)
    }
    growth.note(use.usedByteCount, atMillis: pass.nowMillis)
    use.growthPerDay = growth.perDay
    status.use = use
    warn(use, pass.log)
  }

  /// Once, and again when it was better in between.
  private mutating func warn(_ use: StorageUse, _ log: Logger) {
    defer { isWarned = use.isAboveWarning }
    guard use.isAboveWarning, !isWarned, let budget = use.budgetByteCount else { return }
    let percent = Int((use.budgetShare ?? 0) * 100)
    // Beyond that it is no forecast.
    let days = use.daysLeft.flatMap { $0 < 36_500 ? Int($0) : nil }
      .map { "; at the present rate there is room for \($0) days" } ?? ""
    log.warning(
      """
      the files below storage.root take \(percent) % of storage.budget\(days): keep rows for a \
      shorter time (`tables`), or raise the budget; nothing is deleted because of it
      """,
      metadata: ["bytes": "\(use.usedByteCount)", "budget": "\(budget)"])
  }

  private func sweep(
    _ pass: MaintenancePass, _ status: inout RootStatus
  ) throws(MaintenanceFault) {
    let states = try StateSweep(pass)
    for orphan in states.orphans {
      try pass.delete(orphan.path)
      status.orphanCount += 1
      status.orphanByteCount += orphan.byteCount
    }
    if !states.orphans.isEmpty {
      pass.log.info(
        "state snapshots that nobody names were deleted",
        metadata: ["files": "\(states.orphans.count)"])
    }
    for folder in Self.foldersOfOurs {
      do throws(StorageError) {
        status.unfinishedFileCount += try pass.storage.removeUnfinished(
          in: folder, ageSecondsMin: OrphanSweep.ageSecondsMin)
      } catch {
        throw .storage(error)
      }
    }
  }
}

/// What is known of a root as a whole.
package struct RootStatus: Sendable, Equatable {
  /// Nil before the first pass.
  package var use: StorageUse?
  /// State snapshots that were deleted, as nobody named them.
  package var orphanCount = 0
  package var orphanByteCount: Int64 = 0
  /// Unfinished files that were removed outside of tables.
  package var unfinishedFileCount = 0

  package init() {}
}

/// Adds up everything below a root, file by file.
enum FolderSize {
  private static let depthMax = 8
  private static let fileSuffixes = [".parquet", ".json", ".state", ".crc"]

  /// Cost: one look at every file. Unfinished files are not counted.
  static func byteCount(_ pass: MaintenancePass) throws(MaintenanceFault) -> Int64 {
    do throws(StorageError) {
      return try byteCount("", depth: 0, pass)
    } catch {
      throw pass.pace.isEnding ? .stopped : .storage(error)
    }
  }

  private static func byteCount(
    _ folder: String, depth: Int, _ pass: MaintenancePass
  ) throws(StorageError) -> Int64 {
    var sum: Int64 = 0
    for name in try pass.storage.list(folder) {
      if pass.pace.isEnding {
        throw StorageError(.ioError, .list, path: folder, detail: "the end was asked for")
      }
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      do throws(StorageError) {
        if depth < depthMax, !fileSuffixes.contains(where: name.hasSuffix),
          let inner = try? byteCount(path, depth: depth + 1, pass), inner > 0
        {
          sum += inner
        } else {
          sum += try pass.storage.size(path)
        }
      } catch {
        // A folder that holds nothing, or a file that is gone again.
        if error.kind != .notFound { throw error }
      }
    }
    return sum
  }
}
