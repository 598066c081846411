import Base
import Glibc
package import Storage

/// A disk in memory, mounted by several processes, that forgets in a crash what nobody synced and
/// fails by chance: the worst a POSIX file system is allowed to be.
///
/// - A file's bytes survive a crash of the machine up to its last sync; what was written later may
///   be lost, cut short, zeros or garbage. Syncing a file does not make its name durable.
/// - A name made or taken away is durable after its folder was synced; until then each change is
///   kept or lost by itself. A name may survive whose file's bytes did not.
/// - The death of a process loses nothing it wrote and removes nothing it left.
///
/// The rules are those of "All File Systems Are Not Created Equal" (Pillai et al., OSDI 2014) at
/// their weakest, and of "Can Applications Recover from fsync Failures?" (Rebello et al., ATC
/// 2020) for failed syncs.
///
/// Calls take time: a wait on a `Monitor`, so that the same disk works under real threads and in a
/// simulated world (which must be installed before the disk is made). Equal seeds and equal orders
/// of calls give equal disks.
package final class SimulatedDisk: Sendable {
  let state: Monitor<DiskState>
  private let tally: FaultTally
  /// Never changes: what slow calls wait for.
  private let silence = Monitor(())

  package init(seed: UInt64, tally: FaultTally) {
    state = Monitor(DiskState(random: SplitMix64(seed: seed)))
    self.tally = tally
  }

  /// The rates of faults; may be changed at any moment.
  package var faults: DiskFaults {
    get { state.update { $0.faults } }
    set { state.update { $0.faults = newValue } }
  }

  /// Bytes of all files that have a name or are open; for choosing a capacity.
  package var usedByteCount: Int64 { state.update { $0.tree.usedByteCount } }

  // MARK: - Processes

  /// The disk as a process that starts now sees it. A process that was killed may be started again
  /// under its number: its earlier mounts stay dead.
  package func mount(process: Int) -> any FileSystem {
    state.update { state in
      state.mounts.append(.init(process: process))
      return DiskMount(
        disk: self, number: state.mounts.count - 1,
        processNumber: Int32(truncatingIfNeeded: process))
    }
  }

  /// From this instant every call of the process throws `EIO` and changes nothing.
  package func kill(process: Int) { state.update { $0.kill(process) } }

  /// Kills every process and leaves on the disk what a loss of power would.
  package func crashMachine() {
    tell(
      state.update { state in
        state.crash()
        return state.takeMet()
      })
  }

  /// The process will die at its `callCount`-th changing call from now (1 is the next): before its
  /// effect, after it, or in the midst of it. `onDeath` is called once, by the dying thread, with
  /// the process's number, and may use the disk, but must not be the last to hold storage on it.
  /// Replaces an earlier order; a kill cancels it.
  package func arm(
    process: Int, afterCalls callCount: Int, onDeath: @escaping @Sendable (Int) -> Void
  ) {
    precondition(callCount > 0, "a process dies at its next changing call at the earliest")
    state.update { $0.armed[process] = .init(callCount: callCount, onDeath: onDeath) }
  }

  /// Takes `arm` back.
  package func disarm(process: Int) { state.update { $0.armed[process] = nil } }

  // MARK: - Looking in from outside

  /// Every file's path from the disk's root, sorted by bytes; temporary ones too.
  package var paths: [String] { state.update { $0.tree.paths() } }

  /// A file's bytes as processes see them, without faults; nil if it is absent.
  package func read(_ path: String) -> [UInt8]? {
    state.update { state in
      guard let inode = try? state.tree.find(path, from: 0) else { return nil }
      return state.tree.inodes[inode].isFolder ? nil : state.tree.inodes[inode].bytes
    }
  }

  /// Flips one bit of a file, as a failing medium does. False if it is absent or empty.
  package func damage(_ path: String) -> Bool {
    state.update { state in
      guard let inode = try? state.tree.find(path, from: 0) else { return false }
      let byteCount = state.tree.inodes[inode].bytes.count
      if byteCount == 0 { return false }
      state.tree.flipBit(at: .random(in: 0..<byteCount, using: &state.random), of: inode)
      return true
    }
  }

  // MARK: - Calls

  /// One call of one mount: time, chance, effect, death.
  func perform<Answer>(
    _ call: DiskState.Call, of mount: Int, part: (inout DiskState) -> Void = { _ in },
    _ body: (inout DiskState) throws(Errno) -> Answer
  ) throws(Errno) -> Answer {
    var mayWait = true
    while true {
      let (step, met) = state.update { state in
        let step = state.step(call, of: mount, mayWait: mayWait, part: part, body)
        return (step, state.takeMet())
      }
      tell(met)
      switch step {
      case .wait(let millis):
        wait(millis)
        mayWait = false
      case .died(let process, let onDeath):
        onDeath(process)
        throw Errno(code: EIO)
      case .done(let result, let millis):
        if millis > 0 {
          wait(millis)
          if state.update({ $0.mounts[mount].isDead }) { throw Errno(code: EIO) }
        }
        return try result.get()
      }
    }
  }

  private func wait(_ millis: Int) {
    let _: Void? = silence.wait(timeoutMillis: millis) { _ in nil }
  }

  /// Outside the lock: the tally has one of its own.
  private func tell(_ met: [FaultKind]) { for kind in met { tally.note(kind) } }
}
