import Base
import Decode
package import Detectors
package import Ledger
package import Storage
package import Telemetry
import Windows

/// What a state snapshot holds, for looking at it: read as a partition reads it when it is taken
/// up, and with the same checks.
///
/// Cost and memory: those of the partition's state.
package struct StateReport: Sendable {
  /// What the chain says of a snapshot's file.
  package enum Standing: String, Sendable {
    /// It names the file, and the checksum is the one it has.
    case named
    /// It names the file with another checksum.
    case damaged
    /// It does not name it: an older snapshot, or one of an attempt that died.
    case unnamed
  }

  /// Why there is no report.
  package enum Failure: Error, Sendable, CustomStringConvertible {
    /// The chain, or the file, cannot be read.
    case unreadable(String)
    /// The file is not what a snapshot is.
    case damaged(String)
    /// The file is whole, but of another configuration or program.
    case incompatible(String)
    /// There is nothing of that name.
    case unknown(String)

    package var description: String {
      switch self {
      case .unreadable(let text), .damaged(let text), .incompatible(let text),
        .unknown(let text):
        text
      }
    }
  }

  package var path: String
  package var key: PartitionKey
  package var source: String
  package var standing: Standing
  package var byteCount: Int
  package var checksum: UInt64
  /// The state holds every record below this offset.
  package var cut: Int64
  package var deviceCount: Int
  /// Words of each attribute, by its name.
  package var attributeCounts: [(name: String, count: Int)]
  /// Names of metrics of a narrow source.
  package var metricCount: Int
  /// The partition's clock, microseconds; nil before it has one.
  package var clockMicros: Int64?
  package var newestEventTimeMicros: Int64?
  package var windowNames: [String]
  /// Slices of windows that are kept.
  package var sliceCount: Int
  /// Bytes in memory of windows, and of detectors.
  package var windowsByteCount: Int
  package var detectorsByteCount: Int
  package var detectors: [(name: String, rule: String)]
  package var openCount: Int
  /// The worst of what is open.
  package var open: [PipelineStatus.OpenAnomaly]
  /// Records remembered to find duplicates; nil where every record counts.
  package var rememberedCount: Int?
  /// Of the series that was asked for.
  package var learned: [LearnedSeries] = []

  /// Reads the snapshot in `path`, or the newest of a partition.
  ///
  /// - Parameter series: whose learned values are wanted, too.
  package static func read(
    path: String?, partition: TopicPartition?, options: PipelineOptions, storage: any Storage,
    series: (device: String, metric: String)? = nil
  ) throws(Failure) -> StateReport {
    let chain = try chain(options, storage)
    let (key, reference) = try find(path, partition, chain)
    guard let source = options.sources.first(where: { $0.topics.contains(key.topic) }) else {
      throw .incompatible(
        "\(path ?? reference?.path ?? "\(key)"): no source of the configuration reads "
          + "topic \(key.topic)")
    }
    guard let path = path ?? reference?.path else {
      throw .unknown("\(key) has no state snapshot yet")
    }
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try storage.read(path) } catch {
      throw .unreadable("\(error)")
    }
    let checksum = XXHash64.hash(bytes)
    var own = StateReference(
      path: path, cut: StateSnapshot.cut(of: bytes) ?? 0, byteCount: Int64(bytes.count),
      checksum: checksum)
    if let reference { own.cut = reference.cut }
    let standing: Standing =
      reference.map { $0.checksum == checksum ? .named : .damaged } ?? .unnamed
    let state: RestoredState
    do throws(StateError) {
      state = try StateSnapshot.restore(own, key: key, source: source, storage: storage)
    } catch {
      switch error {
      case .damaged(let text): throw .damaged(text)
      case .incompatible(let text): throw .incompatible(text)
      }
    }
    var report = StateReport(state, own, key, source, standing)
    if let series {
      guard let device = state.vocabulary.devices.index(ofText: series.device) else {
        throw .unknown("\(path): no device “\(PlainText.shown(series.device))”")
      }
      report.learned = state.detectors.learned(
        device: device, metric: series.metric, vocabulary: state.vocabulary)
    }
    return report
  }

  private init(
    _ state: borrowing RestoredState, _ reference: StateReference, _ key: PartitionKey,
    _ source: SourceOptions, _ standing: Standing
  ) {
    path = reference.path
    self.key = key
    self.source = source.plan.schema.source
    self.standing = standing
    byteCount = Int(reference.byteCount)
    checksum = reference.checksum
    cut = state.cut
    deviceCount = state.vocabulary.devices.count
    attributeCounts = zip(source.plan.schema.attributes, state.vocabulary.attributes).map {
      ($0, $1.count)
    }
    metricCount = state.vocabulary.metrics.count
    clockMicros = state.windows.partitionClockMicros
    newestEventTimeMicros = state.windows.newestEventTimeMicros
    windowNames = source.windows.map(\.name)
    sliceCount = state.windows.sliceCount
    windowsByteCount = state.windows.byteCount
    detectorsByteCount = state.detectors.byteCount
    detectors = state.detectors.definitions.map { ($0.name, $0.rule.name) }
    openCount = state.detectors.openCounts.reduce(0) { $0 + $1.count }
    var list = OpenAnomalyList()
    open = list.anomalies(
      in: state.detectors, of: source.plan.schema.source, vocabulary: state.vocabulary)
    rememberedCount = state.admission.status?.rememberedCount
  }

  // MARK: - The chain

  private static func chain(
    _ options: PipelineOptions, _ storage: any Storage
  ) throws(Failure) -> ChainState {
    let ledger = Ledger(
      storage: storage, pipeline: options.pipeline, incarnation: RandomID.make())
    do throws(LedgerError) { try ledger.open() } catch { throw .unreadable("\(error)") }
    return ledger.state
  }

  private static func find(
    _ path: String?, _ partition: TopicPartition?, _ chain: ChainState
  ) throws(Failure) -> (PartitionKey, StateReference?) {
    if let path {
      for (key, known) in chain.partitions {
        if let reference = known.states.first(where: { $0.path == path }) {
          return (key, reference)
        }
      }
      guard let key = chain.partitions.keys.first(where: { FileNames.isState(path, of: $0) })
      else { throw .unknown("\(path) is not the name of a state of any partition of the chain") }
      return (key, nil)
    }
    guard let partition,
      let key = chain.openKey(topic: partition.topic, partition: partition.partition),
      let known = chain.partitions[key]
    else {
      throw .unknown("the chain does not know partition \(partition.map { "\($0)" } ?? "")")
    }
    return (key, known.states.max { $0.cut < $1.cut })
  }
}

extension StateSnapshot {
  /// The offset a snapshot says it was taken at; nil where it is none.
  fileprivate static func cut(of bytes: [UInt8]) -> Int64? {
    var reader = ByteReader(bytes)
    guard (try? reader.readBytes(count: 8)) != nil else { return nil }
    return try? reader.read(Int64.self)
  }
}

extension WordTable {
  /// The index of a word that is there.
  fileprivate func index(ofText text: String) -> UInt32? {
    unsafe index(of: Array(text.utf8).span.bytes)
  }
}
