import Base
import Glibc
package import Logging
package import Parquet
package import Storage

/// Keeps the tables of a root good to live with, on a thread of its own beside the pipeline.
///
/// It commits to the tables' logs directly, as any other engine would: never through the ledger,
/// whose rows it does not touch (docs/ARCHITECTURE.md, "Maintenance"). The pipeline neither waits
/// for it nor knows of it. One pass goes over all tables one after the other; whatever goes wrong
/// is noted, and tried again later. Of several instances over one root, the one that holds the lock
/// does the work.
package final class Maintainer: Sendable {
  private struct State {
    var options: MaintenanceOptions
    /// Counts changes of the options, so that a new pass begins at once.
    var changeCount = 0
    var isEnding = false
    var status = MaintenanceStatus()
  }

  private static let lockMillis = 5000

  private let state: Monitor<State>
  private let pace: MaintenancePace
  private let thread: WorkerThread

  /// What it works on.
  package struct Place: Sendable {
    package let storage: any Storage
    package let pipeline: String
    package let engineInfo: String
    package let parquet: ParquetWriterOptions
    /// Nil where nobody else can be at work: in simulations.
    package let lock: (any MaintenanceLock)?

    package init(
      storage: any Storage, pipeline: String, engineInfo: String,
      parquet: ParquetWriterOptions = MaintenancePass.defaultParquet,
      lock: (any MaintenanceLock)?
    ) {
      self.storage = storage
      self.pipeline = pipeline
      self.engineInfo = engineInfo
      self.parquet = parquet
      self.lock = lock
    }
  }

  /// Starts the thread.
  /// - Parameter onSyncFailure: called once, from the thread, when a sync failed: the process must
  ///   end (`StorageError.Kind.syncFailed`). Nothing more is done then.
  package init(
    _ place: Place, options: MaintenanceOptions, log: Logger,
    onSyncFailure: @escaping @Sendable (String) -> Void
  ) {
    let state = Monitor(State(options: options))
    let pace = MaintenancePace(bytesPerSecond: options.bytesPerSecond)
    self.state = state
    self.pace = pace
    thread = WorkerThread(name: "maintenance") {
      Self.beNice()
      var course = Course(place, state, pace, log)
      if let sentence = course.run() { onSyncFailure(sentence) }
      place.lock?.release()
    }
  }

  /// What is known, as of now.
  package var status: MaintenanceStatus { state.update { $0.status } }

  /// Goes on with these options, from the next pass on, which begins at once; the rate holds from
  /// now on.
  package func take(_ options: MaintenanceOptions) {
    pace.setRate(bytesPerSecond: options.bytesPerSecond)
    state.update { state in
      if state.options == options { return }
      state.options = options
      state.changeCount += 1
    }
  }

  /// Stops wherever it is and waits for the thread: after what is being read or written at this
  /// moment. Files of an attempt that is cut off are orphans.
  package func finish() {
    pace.end()
    state.update { $0.isEnding = true }
    thread.join()
  }

  /// Behind the pipeline's threads whenever both want a processor: 10 of 19. The kernel derives
  /// the thread's place in the queue of disks that have one from it.
  private static func beNice() {
    if World.simulated != nil { return }
    // On Linux 0 is the calling thread, not its process (setpriority(2), "C library differences").
    _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
  }

  // MARK: - The thread

  /// What the thread keeps for itself.
  private struct Course {
    let place: Place
    let state: Monitor<State>
    let pace: MaintenancePace
    let log: Logger
    var tables: [TableMaintenance] = []
    var root = RootCare()
    var lastTrouble: String?

    init(_ place: Place, _ state: Monitor<State>, _ pace: MaintenancePace, _ log: Logger) {
      self.place = place
      self.state = state
      self.pace = pace
      self.log = log
    }

    /// Until told to end. The sentence of a sync that failed.
    mutating func run() -> String? {
      while true {
        let (options, change, isEnding) = state.update {
          ($0.options, $0.changeCount, $0.isEnding)
        }
        if isEnding { return nil }
        var wait = options.restMillis
        do throws(MaintenanceFault) {
          if !options.isEnabled {
            place.lock?.release()
            note(.off)
          } else if try isEmpty() {
            // Before the pipeline has made its tables there is nothing to do, and no lock to leave.
            note(.active)
          } else if try holdsLock() {
            note(.active)
            // Between passes others may have it: `downlinkd compact` waits for one at most.
            defer { place.lock?.release() }
            try pass(options)
          } else {
            note(.standby)
            wait = Maintainer.lockMillis
          }
          say(nil)
        } catch {
          if case .stopped = error { return nil }
          if error.isSyncFailure { return "\(error)" }
          say("\(error)")
        }
        _ = state.wait(timeoutMillis: wait) { state in
          state.isEnding || state.changeCount != change ? true : nil
        }
      }
    }

    private func holdsLock() throws(MaintenanceFault) -> Bool {
      guard let lock = place.lock else { return true }
      do {
        return try lock.take()
      } catch {
        throw .lock(error)
      }
    }

    private mutating func pass(_ options: MaintenanceOptions) throws(MaintenanceFault) {
      let begun = MonotonicClock.nowNanos()
      let pass = MaintenancePass(
        storage: place.storage, pipeline: place.pipeline, engineInfo: place.engineInfo,
        options: options, parquet: place.parquet, pace: pace, log: log)
      defer { state.update { $0.status.current = nil } }
      for index in tables.indices {
        let name = tables[index].table.name
        try tables[index].run(in: pass) { step in
          state.update { $0.status.current = (name, step) }
        }
        let statuses = tables.map(\.table.status)
        state.update { $0.status.tables = statuses }
      }
      var status = state.update { $0.status.root }
      defer { state.update { $0.status.root = status } }
      try root.run(tables.map(\.table.status), in: pass, &status)
      let millis = (MonotonicClock.nowNanos() - begun) / 1_000_000
      state.update { state in
        state.status.passCount += 1
        state.status.lastPassMicros = WallClock.nowMicros()
        state.status.lastPassMillis = millis
      }
    }

    private mutating func isEmpty() throws(MaintenanceFault) -> Bool {
      try findTables()
      return tables.isEmpty
    }

    /// Takes up tables that are new. The list is that of the disk, not of the configuration: a
    /// source that was taken out leaves its table, which still wants care.
    private mutating func findTables() throws(MaintenanceFault) {
      let found: [String]
      do {
        found = try MaintenancePlace.tables(place.storage)
      } catch {
        throw .storage(error)
      }
      let known = Set(tables.map(\.table.name))
      tables.removeAll { !found.contains($0.table.name) }
      tables += found.filter { !known.contains($0) }.map {
        TableMaintenance(name: $0, storage: place.storage, engine: place.engineInfo)
      }
      tables.sort { $0.table.name < $1.table.name }
    }

    private func note(_ role: MaintenanceStatus.Role) {
      state.update { $0.status.role = role }
    }

    private mutating func say(_ sentence: String?) {
      state.update { $0.status.trouble = sentence }
      if let sentence, sentence != lastTrouble { log.warning("maintenance waits: \(sentence)") }
      lastTrouble = sentence
    }
  }
}

/// Where the tables of a root are.
package enum MaintenancePlace {
  package static let tablesFolder = "tables"

  /// The names of the tables below a root, in byte order: folders with a Delta log in them.
  package static func tables(_ storage: any Storage) throws(StorageError) -> [String] {
    var names: [String] = []
    for name in try storage.list(tablesFolder)
    where try !storage.list("\(tablesFolder)/\(name)/_delta_log").isEmpty {
      names.append(name)
    }
    return names
  }
}
