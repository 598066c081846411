import Base
import Kafka
import Telemetry

/// The topics of a scenario and their scripts: sends records, and remembers what every offset holds
/// and what must become of it.
final class Fleet {
  /// What one offset holds.
  enum Content {
    case record(ScriptedRecord)
    /// A transaction marker.
    case marker
  }

  private let cluster: SimulatedCluster
  private let seed: UInt64
  private let habits: FleetScript.Habits
  private let hasEnvelopes: Bool
  /// Whether producers of the wide topic have gone mad: what they send cannot be read.
  var isFlooded = false
  private var scripts: [TopicPartition: FleetScript] = [:]
  /// By partition, index = offset.
  private(set) var contents: [TopicPartition: [Content]] = [:]
  private(set) var recordCount = 0
  /// The topics, or the whole cluster, are not those any more that `contents` tells of.
  private(set) var isReplaced = false

  init(_ plan: ScenarioPlan, cluster: SimulatedCluster) {
    self.cluster = cluster
    seed = plan.seed
    habits = FleetScript.Habits(
      sendsAgain: plan.leavesOutDuplicates, hasMendable: plan.replaysLetters,
      hasOwnSchema: plan.hasOwnSchema, crossesMidnight: plan.maintainsTables)
    hasEnvelopes = plan.hasEnvelopes
    cluster.createTopic(ScenarioSources.wideTopic, partitionCount: plan.widePartitionCount)
    for partition in 0..<plan.widePartitionCount {
      add(TopicPartition(topic: ScenarioSources.wideTopic, partition: Int32(partition)))
    }
    if plan.narrowPartitionCount > 0 {
      cluster.createTopic(ScenarioSources.narrowTopic, partitionCount: plan.narrowPartitionCount)
      for partition in 0..<plan.narrowPartitionCount {
        add(TopicPartition(topic: ScenarioSources.narrowTopic, partition: Int32(partition)))
      }
    }
  }

  var partitions: [TopicPartition] { contents.keys.sorted() }

  private func add(_ partition: TopicPartition) {
    let isWide = partition.topic == ScenarioSources.wideTopic
    scripts[partition] = FleetScript(
      isWide ? .wide : .narrow, partition: partition.partition,
      seed: seed &* 31 &+ UInt64(partition.partition) &* 2 &+ (isWide ? 1 : 0), habits)
    contents[partition] = []
  }

  /// The wide topic gains a partition.
  func addPartition() {
    let count = partitions.filter { $0.topic == ScenarioSources.wideTopic }.count
    cluster.addPartitions(ScenarioSources.wideTopic, to: count + 1)
    add(TopicPartition(topic: ScenarioSources.wideTopic, partition: Int32(count)))
  }

  func send(_ count: Int, to partition: TopicPartition) {
    for _ in 0..<count {
      let isBad = isFlooded && partition.topic == ScenarioSources.wideTopic
      guard var record = isBad ? scripts[partition]?.nextOfFlood() : scripts[partition]?.next()
      else { return }
      if hasEnvelopes, partition.topic == ScenarioSources.wideTopic {
        record.payload = record.payload.map {
          ScenarioSources.enveloped($0, recordNumber: recordCount)
        }
      }
      if !isReplaced { contents[partition]?.append(.record(record)) }
      recordCount += 1
      cluster.produce(record.logged, to: partition)
    }
  }

  func sendMarker(to partition: TopicPartition) {
    if !isReplaced { contents[partition]?.append(.marker) }
    cluster.appendMarker(to: partition)
  }

  /// All topics begin again, empty, and are filled with other records.
  func recreateTopics(random: inout SplitMix64) {
    for topic in Set(partitions.map(\.topic)).sorted() {
      let count = partitions.filter { $0.topic == topic }.count
      cluster.recreateTopic(topic, partitionCount: count, isNoticed: true)
    }
    replaceScripts(random: &random)
  }

  /// Another cluster answers.
  func replaceCluster(random: inout SplitMix64) {
    cluster.replaceCluster(id: "another")
    replaceScripts(random: &random)
  }

  private func replaceScripts(random: inout SplitMix64) {
    isReplaced = true
    for partition in partitions {
      let isWide = partition.topic == ScenarioSources.wideTopic
      scripts[partition] = FleetScript(
        isWide ? .wide : .narrow, partition: partition.partition, seed: random.next(), habits)
    }
  }

  /// The same topics on another cluster, as if they had been there from the beginning.
  ///
  /// - Parameter leavesOut: offsets that a pipeline has recorded as lost.
  func copy(to other: SimulatedCluster, leavingOut leavesOut: (TopicPartition, Int64) -> Bool) {
    for topic in Set(partitions.map(\.topic)).sorted() {
      let count = partitions.filter { $0.topic == topic }.count
      other.createTopic(topic, partitionCount: count)
    }
    for partition in partitions {
      for (offset, content) in (contents[partition] ?? []).enumerated() {
        if case .record(let record) = content, !leavesOut(partition, Int64(offset)) {
          other.produce(record.logged, to: partition)
        } else {
          other.appendMarker(to: partition)
        }
      }
    }
  }
}
