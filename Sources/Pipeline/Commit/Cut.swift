import Base
import Detectors
import Ledger
import Storage
import Telemetry
import Windows

/// Why an entry must not go in without a partition's state.
struct StateNeed: Equatable {
  /// For sentences: "it needs its state with this commit (…)".
  var reason: String
  /// Whether an older snapshot could never stand in for it: a replay from that one would do
  /// something again, or otherwise.
  var forbidsOlder = true
}

/// A state snapshot that a lane has written and nobody has synced yet.
final class StateFile {
  let reference: StateReference
  private var file: (any StorageFile)?
  /// The bytes, where the lane could not write them.
  private var unwritten: [UInt8]?
  /// Whether the file has its name. One that could not be closed is gone for good.
  private(set) var isClosed = false

  init(reference: StateReference, file: any StorageFile) {
    self.reference = reference
    self.file = file
  }

  /// A state that could not be written when it was due, and that the entry must have.
  init(reference: StateReference, unwritten: [UInt8]) {
    self.reference = reference
    self.unwritten = unwritten
  }

  /// Syncs the bytes and gives the file its name. Does nothing a second time: a commit that is
  /// tried again finds it done, or goes without the state. What could not be written so far is
  /// tried again until it can.
  func closeOnce(in storage: any Storage) throws(StorageError) {
    if let bytes = unwritten {
      let file = try storage.create(reference.path)
      try file.append(bytes)
      try file.close(sync: true)
      unwritten = nil
      isClosed = true
    }
    guard let closing = file else { return }
    file = nil
    try closing.close(sync: true)
    isClosed = true
  }
}

/// One partition's part of a cut: what the next entry says of it, and the rows that go with it.
struct PartitionCut {
  let key: PartitionKey
  let sourceIndex: Int
  let from: Int64
  let to: Int64
  let notDelivered: Int64
  let gaps: [OffsetGap]
  let witness: Witness?
  let clockMicros: Int64?
  let state: StateFile?
  let decisions: [Decision]
  /// Offsets that were refused because nobody knew their schema.
  let unknownSchemas: OffsetRuns
  /// Why the entry must not go in without the state; nil where it may.
  let stateNeed: StateNeed?
  let counts: EventTimeCounts
  let detectorCounts: DetectorCounts
  /// Records that a source which leaves duplicates out has forgotten for want of room.
  var forgottenEarlyCount: Int64 = 0
  /// The words that the indexes in `output` stand for.
  let vocabulary: Vocabulary
  let output: PartitionOutput
}

/// Asks every lane for its cut and collects the answers.
///
/// The lanes answer at their next batch boundary and go on at once with fresh buffers.
final class CutRequest: @unchecked Sendable {
  // @unchecked because PartitionCut values are handed from one thread to another whole, through
  // the Monitor, and never used by the giver again.
  /// The commit these cuts will be part of; names of files carry it.
  let commitID: CommitID
  /// What the commit's moves will be based on; names of states carry it. A partition without one is
  /// not ours: its cut is dropped, and its state never gets its name.
  let bases: [PartitionKey: Int64]
  /// Take a state snapshot of every partition that moved since its last, whatever its age.
  let wantsState: Bool
  let firesOpenWindows: Bool
  /// What every lane takes over right behind this cut; nil where nothing changes.
  let reload: PipelineReload?
  private let answers: Monitor<Answers>

  private struct Answers {
    var pendingLaneCount: Int
    var cuts: [PartitionCut] = []
    var devices: [DeviceRows] = []
  }

  init(
    commitID: CommitID, bases: [PartitionKey: Int64] = [:], laneCount: Int, wantsState: Bool,
    firesOpenWindows: Bool, reload: PipelineReload? = nil
  ) {
    self.commitID = commitID
    self.bases = bases
    self.wantsState = wantsState
    self.firesOpenWindows = firesOpenWindows
    self.reload = reload
    answers = Monitor(Answers(pendingLaneCount: laneCount))
  }

  /// Called once by each lane.
  func deliver(_ cuts: [PartitionCut], _ devices: [DeviceRows] = []) {
    answers.update { answers in
      answers.cuts += cuts
      answers.devices += devices
      answers.pendingLaneCount -= 1
    }
  }

  /// What is due of the table `devices`, of the lanes that have answered; the caller has it then.
  func takeDevices() -> [DeviceRows] {
    answers.update { answers in
      defer { answers.devices = [] }
      return answers.devices.sorted { $0.key < $1.key }
    }
  }

  /// All lanes' cuts in the order of their partitions, or nil if a lane has not answered in time.
  func collect(timeoutMillis: Int) -> [PartitionCut]? {
    answers.wait(timeoutMillis: timeoutMillis) { answers in
      answers.pendingLaneCount == 0 ? answers.cuts.sorted { $0.key < $1.key } : nil
    }
  }
}
