import Base
import Telemetry

/// The group: who is in it, who owns what, and what should belong to whom.
///
/// Cooperative as the real one is configured (KIP-429): a rebalance sets targets; an owner gives
/// up what is no longer meant for it, and only then the new owner may claim it. Two members never
/// own a partition at once as the group sees it; what a dropped member believes is its own affair.
///
///     join, leave, drop ─▶ schedule ─▶ rebalance ─▶ revocations(of: old) ─▶ acknowledge
///                                                   claim(for: new)    ◀────────┘
///
/// **Invariants:** owners and targets are members; a partition has one of each at most.
struct GroupCoordinator: Sendable {
  private struct Member: Sendable {
    let id: Int
    let topics: [String]
  }

  /// By id, so that the order of joining decides nothing else.
  private var members: [Member] = []
  private var owners: [TopicPartition: Int] = [:]
  private var targets: [TopicPartition: Int] = [:]
  /// Partitions that must change hands, or be let go of once, before anybody gets them.
  private var withdrawn: Set<TopicPartition> = []
  private var nextMemberID = 1
  /// When the rebalance that is under way sets its targets; nil when none is.
  private(set) var dueNanos: Int64?
  /// Chance for each partition to change its owner without need at the next rebalance.
  private var churn = 0.0

  var memberCount: Int { members.count }

  func isMember(_ id: Int) -> Bool { members.contains { $0.id == id } }

  func owner(of partition: TopicPartition) -> Int? { owners[partition] }

  // MARK: - Membership

  mutating func join(_ topics: [String]) -> Int {
    let id = nextMemberID
    nextMemberID += 1
    members.append(Member(id: id, topics: topics))
    return id
  }

  /// Takes a member out; its partitions have no owner at once. False when it was none.
  mutating func remove(_ id: Int) -> Bool {
    guard let index = members.firstIndex(where: { $0.id == id }) else { return false }
    members.remove(at: index)
    withdrawn = withdrawn.filter { owners[$0] != id }
    owners = owners.filter { $0.value != id }
    targets = targets.filter { $0.value != id }
    return true
  }

  /// Forgets everybody and everything: another cluster has another coordinator.
  mutating func reset() {
    members = []
    owners = [:]
    targets = [:]
    withdrawn = []
    dueNanos = nil
  }

  // MARK: - Rebalance

  /// Asks for a rebalance; one that is under way takes the new cause in.
  mutating func schedule(atNanos nanos: Int64, churn: Double) {
    dueNanos = min(dueNanos ?? nanos, nanos)
    self.churn = max(self.churn, churn)
  }

  /// Takes partitions from their owners; nobody gets them before these have let go.
  mutating func withdraw(_ partitions: [TopicPartition]) {
    for partition in partitions where owners[partition] != nil {
      withdrawn.insert(partition)
      targets[partition] = nil
    }
  }

  /// Sets the targets anew: even, mostly as before.
  ///
  /// - Parameter partitions: all that exist, sorted.
  /// - Returns: whether any partition is to be claimed or given up.
  mutating func rebalance(_ partitions: [TopicPartition], random: inout SplitMix64) -> Bool {
    dueNanos = nil
    defer { churn = 0 }
    targets = [:]
    for topic in Set(members.flatMap(\.topics)).sorted() {
      let candidates = members.filter { $0.topics.contains(topic) }.map(\.id)
      let own = partitions.filter { $0.topic == topic && !withdrawn.contains($0) }
      distribute(own, over: candidates, random: &random)
    }
    return partitions.contains { owners[$0] != targets[$0] }
  }

  /// Every member gets the floor of the share; as many as the remainder allows get one more.
  private mutating func distribute(
    _ partitions: [TopicPartition], over candidates: [Int], random: inout SplitMix64
  ) {
    let share = partitions.count / candidates.count
    var extraCount = partitions.count % candidates.count
    var loads = Array(repeating: 0, count: candidates.count)
    func hasRoom(_ index: Int) -> Bool {
      loads[index] < share || loads[index] == share && extraCount > 0
    }
    func give(_ partition: TopicPartition, to index: Int) {
      if loads[index] == share { extraCount -= 1 }
      loads[index] += 1
      targets[partition] = candidates[index]
    }
    var open: [TopicPartition] = []
    for partition in partitions {
      let index = owners[partition].flatMap { candidates.firstIndex(of: $0) }
      if let index, hasRoom(index), !random.happens(churn) {
        give(partition, to: index)
      } else {
        open.append(partition)
      }
    }
    for partition in open {
      let free = candidates.indices.filter(hasRoom)
      guard let index = free.randomElement(using: &random) else {
        preconditionFailure("shares add up to the number of partitions")
      }
      give(partition, to: index)
    }
  }

  // MARK: - A member's part

  /// What the member must give up now, sorted.
  func revocations(of id: Int) -> [TopicPartition] {
    owners.filter { $0.value == id && targets[$0.key] != id }.map(\.key).sorted()
  }

  /// The member has given partitions up. True where that calls for another rebalance.
  mutating func acknowledge(_ partitions: [TopicPartition], by id: Int) -> Bool {
    var wasWithdrawn = false
    for partition in partitions where owners[partition] == id {
      owners[partition] = nil
      if withdrawn.remove(partition) != nil { wasWithdrawn = true }
    }
    return wasWithdrawn
  }

  /// Takes what is meant for the member and free, sorted.
  mutating func claim(for id: Int) -> [TopicPartition] {
    let free = targets.filter { $0.value == id && owners[$0.key] == nil }.map(\.key).sorted()
    for partition in free { owners[partition] = id }
    return free
  }
}
