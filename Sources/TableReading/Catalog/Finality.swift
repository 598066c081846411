import Base
import DeltaLog
import Storage

/// How far the windows of one source are final, by what its table `devices` says.
///
/// **What is promised.** A window of an awake device that ends at or before `finalThrough` is
/// closed: all its revisions are in the table `windows`, and none will come, whatever the device
/// sends. That holds for all awake devices of all partitions of the source.
///
/// **What is not.** A device that is not awake was given up for the time being: it has a
/// `final_through` of its own, in its row, and where that lies lower (`sleepingBehindCount`) its
/// windows after it may still come, with what it has gathered meanwhile; `finalThroughOfAll` is the
/// bound that holds for it too. Of a device that was never heard nothing can be said.
/// Nor of one that is awake but never had a reading with a plausible time (`timelessCount`).
/// Partitions that have fallen silent hold the bound where it is for as long as their devices count
/// as awake: only the partition's own records, or a decision about a silent partition, move its
/// clock.
///
/// An incarnation that has ended (`isEnded`) fires no window any more: it is in no sum. While any
/// file of the table cannot be read there are no bounds: nobody knows whose rows are in it.
package struct SourceFinality: Sendable, Equatable {
  /// Of one partition; the sums of a source are over these.
  package struct Partition: Sendable, Equatable {
    package let topic: String
    package let incarnation: Int64
    package let partition: Int32
    /// The ledger entry that the rows are of; nil where the table does not say.
    package fileprivate(set) var ledgerVersion: Int64?
    package fileprivate(set) var deviceCount = 0
    package fileprivate(set) var awakeCount = 0
    /// Devices that are awake and of which no reading with a plausible time was seen.
    package fileprivate(set) var timelessCount = 0
    /// Whether the topic has a later incarnation: nothing comes of this one any more.
    package fileprivate(set) var isEnded = false
    /// The smallest watermark of a device that is awake: no reading of them from before it is
    /// expected any more. Nil where no such device has one.
    package fileprivate(set) var completeThrough: Int64?
    package fileprivate(set) var finalThrough: Int64?
    /// Of all devices, awake or not.
    package fileprivate(set) var finalThroughOfAll: Int64?
    /// Kafka's newest timestamp of any device.
    package fileprivate(set) var newestKafkaTimestamp: Int64?
    /// Ends of the windows of devices that are not awake.
    fileprivate var sleepingThrough: [Int64] = []
  }

  package let source: String
  package fileprivate(set) var partitions: [Partition] = []

  /// Those that go on: what is said of the source is said of these.
  private var open: [Partition] { partitions.filter { !$0.isEnded } }

  package var deviceCount: Int { open.reduce(0) { $0 + $1.deviceCount } }
  package var awakeCount: Int { open.reduce(0) { $0 + $1.awakeCount } }
  /// Devices that are awake and of which no reading with a plausible time was seen: no bound holds
  /// for them.
  package var timelessCount: Int { open.reduce(0) { $0 + $1.timelessCount } }
  /// Nil where no device is awake.
  package var completeThrough: Int64? { open.compactMap(\.completeThrough).min() }
  /// Nil where no device is awake: then `finalThroughOfAll` is all there is to say.
  package var finalThrough: Int64? { open.compactMap(\.finalThrough).min() }
  package var finalThroughOfAll: Int64? { open.compactMap(\.finalThroughOfAll).min() }
  /// The oldest entry that a partition's rows are of.
  package var ledgerVersion: Int64? {
    open.contains { $0.ledgerVersion == nil } ? nil : open.compactMap(\.ledgerVersion).min()
  }

  /// Devices that are not awake and whose windows are final only up to a time before
  /// `finalThrough`.
  package var sleepingBehindCount: Int {
    guard let bound = finalThrough else { return 0 }
    return open.reduce(0) { $0 + $1.sleepingThrough.count { $0 < bound } }
  }
}

/// Reads `devices`, a file again only where it is another one.
struct Finality: Sendable {
  private(set) var trouble: String?
  /// By path; of a file several sources' at most where another engine has merged.
  private var known: [String: [SourceFinality]] = [:]
  /// The newest incarnation of each topic that has a file, be it without rows.
  private var newestIncarnations: [String: Int64] = [:]

  /// A file of one partition and source; topics belong to one source each.
  var sources: [SourceFinality] {
    var bySource: [String: SourceFinality] = [:]
    for source in known.sorted(by: { $0.key < $1.key }).flatMap(\.value) {
      var partitions = source.partitions
      for index in partitions.indices {
        let newest = newestIncarnations[partitions[index].topic] ?? .min
        partitions[index].isEnded = partitions[index].incarnation < newest
        // The smallest of what could be read may be above the smallest of all.
        if trouble != nil { partitions[index].dropBounds() }
      }
      bySource[source.source, default: SourceFinality(source: source.source)].add(partitions)
    }
    return bySource.sorted { $0.key < $1.key }.map(\.value)
  }

  mutating func read(_ table: TableSnapshot, _ storage: any Storage) {
    let before = known
    known = [:]
    newestIncarnations = [:]
    trouble = nil
    for file in table.files {
      let part = SourceFinality.Partition(file.partitionValues)
      newestIncarnations[part.topic] = max(
        newestIncarnations[part.topic] ?? .min, part.incarnation)
      guard file.isInTable else {
        trouble = "cannot read \(file.path): it lies outside of the table"
        continue
      }
      if let same = before[file.path] {
        known[file.path] = same
        continue
      }
      do throws(StoredTableError) {
        known[file.path] = try Self.read(file, of: table, storage)
      } catch {
        trouble = "\(error)"
      }
    }
  }

  private static func read(
    _ file: LiveFile, of table: TableSnapshot, _ storage: any Storage
  ) throws(StoredTableError) -> [SourceFinality] {
    let rows = try StoredRows("\(table.folder)/\(file.path)", storage)
    var partition = SourceFinality.Partition(file.partitionValues)
    let suffix = "/\(partition.topic)/\(partition.incarnation)/\(partition.partition)"
    partition.ledgerVersion = table.transactions
      .first { $0.key.hasPrefix("downlink-devices:") && $0.key.hasSuffix(suffix) }?.value.version
    var sources: [String: SourceFinality.Partition] = [:]
    for group in 0..<rows.rowGroupCount {
      let source = try rows.texts("source", rowGroup: group)
      let awake = try rows.booleans("is_awake", rowGroup: group)
      let watermark = try rows.integers("watermark", rowGroup: group)
      let final = try rows.integers("final_through", rowGroup: group)
      let kafka = try rows.integers("last_kafka_timestamp", rowGroup: group)
      for row in 0..<rows.rowCount(ofGroup: group) {
        sources[source[row] ?? "", default: partition].add(
          isAwake: awake[row] ?? false, watermark: watermark[row], final: final[row],
          kafkaTimestamp: kafka[row])
      }
    }
    return sources.map { SourceFinality(source: $0.key, partitions: [$0.value]) }
  }
}

extension SourceFinality {
  fileprivate mutating func add(_ partitions: [Partition]) {
    self.partitions += partitions
    self.partitions.sort {
      ($0.topic, $0.incarnation, $0.partition) < ($1.topic, $1.incarnation, $1.partition)
    }
  }
}

extension SourceFinality.Partition {
  fileprivate init(_ values: PartitionValues) {
    topic = values["kafka_topic"] ?? ""
    incarnation = values["topic_incarnation"].flatMap { Int64($0) } ?? 0
    partition = values["kafka_partition"].flatMap { Int32($0) } ?? 0
  }

  fileprivate mutating func dropBounds() {
    completeThrough = nil
    finalThrough = nil
    finalThroughOfAll = nil
  }

  fileprivate mutating func add(
    isAwake: Bool, watermark: Int64?, final: Int64?, kafkaTimestamp: Int64?
  ) {
    deviceCount += 1
    newestKafkaTimestamp = max(newestKafkaTimestamp ?? .min, kafkaTimestamp ?? .min)
    if newestKafkaTimestamp == .min { newestKafkaTimestamp = nil }
    if let final { finalThroughOfAll = min(finalThroughOfAll ?? .max, final) }
    guard isAwake else {
      if let final { sleepingThrough.append(final) }
      return
    }
    awakeCount += 1
    if let watermark { completeThrough = min(completeThrough ?? .max, watermark) }
    if let final { finalThrough = min(finalThrough ?? .max, final) } else { timelessCount += 1 }
  }
}
