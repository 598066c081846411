import Base
package import Logging
package import Parquet
package import Storage

/// What the steps of one pass share: where they work, what they may do, and how fast.
package struct MaintenancePass: Sendable {
  package let storage: any Storage
  /// The pipeline's name: our files begin with it.
  package let pipeline: String
  /// Name and version of this program, for commitInfo.
  package let engineInfo: String
  package let options: MaintenanceOptions
  /// How merged files are written: as the committer writes its own.
  package let parquet: ParquetWriterOptions
  package let pace: MaintenancePace
  package let log: Logger
  /// When the pass began, milliseconds since 1970 by the wall clock: dates and ages are judged by
  /// it. Rows never depend on it.
  package let nowMillis: Int64
  /// One attempt to make files, in their names: different in every pass of every process.
  package let attemptID: String

  package init(
    storage: any Storage, pipeline: String, engineInfo: String, options: MaintenanceOptions,
    parquet: ParquetWriterOptions = Self.defaultParquet, pace: MaintenancePace, log: Logger
  ) {
    self.storage = storage
    self.pipeline = pipeline
    self.engineInfo = engineInfo
    self.options = options
    self.parquet = parquet
    self.pace = pace
    self.log = log
    nowMillis = WallClock.nowMicros() / 1000
    attemptID = RandomID.make()
  }

  /// For whoever writes no files of its own beside.
  package static var defaultParquet: ParquetWriterOptions {
    ParquetWriterOptions(createdBy: "downlinkd version 0.1.0 (build maintenance)")
  }

  /// The same for a pipeline of this name.
  package func named(_ pipeline: String) -> MaintenancePass {
    MaintenancePass(
      storage: storage, pipeline: pipeline, engineInfo: engineInfo, options: options,
      parquet: parquet, pace: pace, log: log)
  }

  /// Deletes a file, unless the end was asked for.
  func delete(_ path: String) throws(MaintenanceFault) {
    try pace.check()
    do throws(StorageError) { try storage.delete(path) } catch { throw .storage(error) }
    CrashPoint.reached(.maintenanceDeleting)
  }

  /// The day that it is, UTC: days since 1970-01-01.
  package var today: Int32 { Timestamp.day(ofMicros: nowMillis * 1000) }

  /// The wall clock now, for the times that actions carry: a pass may take hours.
  package var wallMillis: Int64 { WallClock.nowMicros() / 1000 }
}
