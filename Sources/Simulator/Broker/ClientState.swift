import Base
import Kafka
import Telemetry

/// One lane of a client: its partitions' places, in the order in which they came.
struct LaneState: Sendable {
  /// By `RecordHeader.partitionIndex`; only ever grows.
  var slots: [FetchSlot] = []
  /// Its own: what one lane draws does not depend on how the others are timed.
  var random: SplitMix64
  /// Faults for `takeFaults`.
  var faults: [String] = []

  func slot(of partition: TopicPartition) -> Int? {
    slots.firstIndex { $0.partition == partition }
  }
}

/// One consumer as brokers and library know it together: `SimulatedConsumer`'s state.
struct ClientState: Sendable {
  let process: Int
  var lanes: [LaneState]
  /// Nil before `subscribe`.
  var subscription: [String]?
  /// As the client believes: the group may have dropped this member meanwhile.
  var member: Int?
  /// `ClusterState.epoch` of the assignment that the delegate is asked about.
  var claimEpoch = 0
  /// Assigned, taken by the delegate, and not given back.
  var held: Set<TopicPartition> = []
  /// Not fetched until they are resumed, whoever holds them meanwhile: since when.
  var paused: [TopicPartition: Int64] = [:]
  /// Since when no heartbeat of it arrives; nil while they do.
  var silentSinceNanos: Int64?
  /// When the client next hears what the group wants of it.
  var heartbeatNanos: Int64 = 0
  /// How much later than the group the client finds its session timed out.
  let patienceNanos: Int64
  var polledNanos: Int64
  /// It was not polled for too long, and has left by itself.
  var hasOverslept = false
  var statisticsNanos: Int64
  var events: [ConsumerEvent] = []
  /// Left or closed: it heartbeats no more, and is nobody's but the group's.
  var isGone = false

  func lane(holding partition: TopicPartition) -> Int? {
    lanes.firstIndex { lane in lane.slots.contains { $0.partition == partition && $0.isHeld } }
  }
}

/// A process as the world treats it.
struct ProcessState: Sendable {
  var isKilled = false
  /// Its threads stand still, and with them its heartbeats.
  var frozenUntilNanos: Int64 = 0
  /// It reaches no broker.
  var cutOffUntilNanos: Int64 = 0
}

/// What a client's control thread has to do next.
enum ControlStep: Sendable {
  case assign([TopicPartition])
  /// With what is to be acknowledged besides: partitions that were declined.
  case revoke([TopicPartition], all: [TopicPartition])
  case lose([TopicPartition])
  case tell([ConsumerEvent])
}
