import Base
import Telemetry
import Testing

@testable import Simulator

/// The assignor and the hand-over, without clients.
struct GroupCoordinatorTests {
  private func partitions(_ topic: String, _ count: Int) -> [TopicPartition] {
    (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
  }

  /// Lets every member give up and claim until nothing moves any more.
  private func settle(_ group: inout GroupCoordinator, _ members: [Int]) {
    for _ in 0..<3 {
      for member in members {
        _ = group.acknowledge(group.revocations(of: member), by: member)
        _ = group.claim(for: member)
      }
    }
  }

  @Test func `shares differ by one at most, whoever comes and goes`() {
    var random = SplitMix64(seed: 1)
    for seed in 0..<200 {
      var group = GroupCoordinator()
      let all = partitions("a", Int.random(in: 1...9, using: &random))
      var members: [Int] = []
      for _ in 0..<6 {
        if members.count > 1, Bool.random(using: &random) {
          let wasMember = group.remove(members.removeFirst())
          #expect(wasMember)
        } else {
          members.append(group.join(["a"]))
        }
        group.schedule(atNanos: 0, churn: 0.3)
        _ = group.rebalance(all, random: &random)
        settle(&group, members)
        let counts = members.map { member in all.count { group.owner(of: $0) == member } }
        #expect(counts.reduce(0, +) == all.count, "round \(seed)")
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "round \(seed)")
      }
    }
  }

  @Test func `without churn nothing moves that need not`() {
    var random = SplitMix64(seed: 2)
    var group = GroupCoordinator()
    let all = partitions("a", 6)
    let (first, second) = (group.join(["a"]), group.join(["a"]))
    var changes: [Bool] = []
    changes.append(group.rebalance(all, random: &random))
    settle(&group, [first, second])
    changes.append(group.rebalance(all, random: &random))
    let third = group.join(["a"])
    changes.append(group.rebalance(all, random: &random))
    #expect(changes == [true, false, true])
    let moved = group.revocations(of: first) + group.revocations(of: second)
    #expect(moved.count == 2)
    let early = group.claim(for: third)
    #expect(early.isEmpty, "not before their owners have let go")
    settle(&group, [first, second, third])
    #expect(moved.allSatisfy { group.owner(of: $0) == third })
  }

  @Test func `members get partitions of their topics only`() {
    var random = SplitMix64(seed: 3)
    var group = GroupCoordinator()
    let (first, second) = (group.join(["a", "b"]), group.join(["b"]))
    _ = group.rebalance(partitions("a", 2) + partitions("b", 2), random: &random)
    settle(&group, [first, second])
    #expect(partitions("a", 2).allSatisfy { group.owner(of: $0) == first })
    #expect(partitions("b", 2).contains { group.owner(of: $0) == second })
  }

  @Test func `what is withdrawn is let go of before anybody gets it`() {
    var random = SplitMix64(seed: 4)
    var group = GroupCoordinator()
    let all = partitions("a", 2)
    let member = group.join(["a"])
    _ = group.rebalance(all, random: &random)
    settle(&group, [member])
    group.withdraw(all)
    _ = group.rebalance(all, random: &random)
    #expect(group.revocations(of: member) == all)
    let early = group.claim(for: member)
    #expect(early.isEmpty)
    let callsForRebalance = group.acknowledge(all, by: member)
    #expect(callsForRebalance)
    _ = group.rebalance(all, random: &random)
    let claimed = group.claim(for: member)
    #expect(claimed == all)
  }

  @Test func `an answer of a member that was dropped changes nothing`() {
    var random = SplitMix64(seed: 5)
    var group = GroupCoordinator()
    let all = partitions("a", 2)
    let zombie = group.join(["a"])
    _ = group.rebalance(all, random: &random)
    settle(&group, [zombie])
    let removals = [group.remove(zombie), group.remove(zombie)]
    #expect(removals == [true, false])
    let heir = group.join(["a"])
    _ = group.rebalance(all, random: &random)
    let claimed = group.claim(for: heir)
    #expect(claimed == all)
    let callsForRebalance = group.acknowledge(all, by: zombie)
    #expect(!callsForRebalance)
    #expect(all.allSatisfy { group.owner(of: $0) == heir })
  }
}
