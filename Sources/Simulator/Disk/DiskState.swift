import Base
import Glibc
import Storage

/// Everything a simulated disk knows, behind its one lock: the tree, the processes that have it
/// mounted, and the chance by which calls fail.
///
/// **Invariants:** a dead mount has no open file and changes nothing; every random decision is
/// drawn from `random`, in the order of the calls.
struct DiskState {
  /// What a call does, as far as faults differ by it.
  enum Call {
    case look, close, create, write, sync, makeFolder, link, rename, unlink

    var isMutating: Bool { self != .look && self != .close }
  }

  struct OpenFile {
    let inode: Int
    let isWritable: Bool
  }

  struct Mount {
    let process: Int
    var isDead = false
    var files: [Int32: OpenFile] = [:]
    var nextDescriptor: Int32 = 3
  }

  /// A death to come.
  struct Armed {
    /// Mutating calls up to and with the fatal one.
    var callCount: Int
    let onDeath: @Sendable (Int) -> Void
  }

  /// How a call goes on once the lock is given back.
  enum Step<Answer> {
    /// It waits and asks again.
    case wait(millis: Int)
    case done(Result<Answer, Errno>, thenWaitMillis: Int)
    case died(process: Int, onDeath: @Sendable (Int) -> Void)
  }

  var tree = DiskTree()
  var mounts: [Mount] = []
  var armed: [Int: Armed] = [:]
  var faults = DiskFaults()
  var random: SplitMix64
  /// Faults met since they were last told to the tally.
  var met: [FaultKind] = []

  init(random: SplitMix64) { self.random = random }

  private var nowSeconds: Int64 { WallClock.nowMicros() / 1_000_000 }

  /// The faults met since the last call of this.
  mutating func takeMet() -> [FaultKind] {
    let taken = met
    met = []
    return taken
  }

  // MARK: - Chance

  /// One step of a call: `body` is its effect, `part` what it may leave when it is cut short.
  mutating func step<Answer>(
    _ call: Call, of mount: Int, mayWait: Bool, part: (inout DiskState) -> Void,
    _ body: (inout DiskState) throws(Errno) -> Answer
  ) -> Step<Answer> {
    if mounts[mount].isDead { return .done(.failure(Errno(code: EIO)), thenWaitMillis: 0) }
    let millis = mayWait && call != .close ? drawWait() : 0
    if millis > 0, random.oneIn(2) { return .wait(millis: millis) }
    let process = mounts[mount].process
    if call.isMutating, let onDeath = countDown(process) {
      die(process, part: part) { state in _ = Self.run(body, on: &state) }
      return .died(process: process, onDeath: onDeath)
    }
    // A failed sync is a fault of its own; a descriptor is gone even if closing it fails.
    if call != .sync, strikes(faults.inputOutputErrorOneIn) {
      met.append(.inputOutputError)
      if call == .close { _ = Self.run(body, on: &self) } else { part(&self) }
      return .done(.failure(Errno(code: EIO)), thenWaitMillis: millis)
    }
    return .done(Self.run(body, on: &self), thenWaitMillis: millis)
  }

  private static func run<Answer>(
    _ body: (inout DiskState) throws(Errno) -> Answer, on state: inout DiskState
  ) -> Result<Answer, Errno> {
    do {
      return .success(try body(&state))
    } catch {
      return .failure(error)
    }
  }

  private mutating func strikes(_ oneIn: Int) -> Bool { oneIn > 0 && random.oneIn(oneIn) }

  private mutating func drawWait() -> Int {
    if strikes(faults.slowOneIn) {
      met.append(.slowStorage)
      return Int.random(in: 1...max(faults.slowMillisMax, 1), using: &random)
    }
    return strikes(faults.pauseOneIn) ? Int.random(in: 1...2, using: &random) : 0
  }

  /// Whether this is the call at which the process dies.
  private mutating func countDown(_ process: Int) -> (@Sendable (Int) -> Void)? {
    guard let death = armed[process] else { return nil }
    armed[process]?.callCount -= 1
    return death.callCount <= 1 ? death.onDeath : nil
  }

  /// The process dies before, in the midst of, or right after the call.
  private mutating func die(
    _ process: Int, part: (inout DiskState) -> Void, whole: (inout DiskState) -> Void
  ) {
    // Nobody is told how the last call went, so no other fault is to be counted for it.
    let faults = self.faults
    self.faults = DiskFaults()
    switch Int.random(in: 0..<3, using: &random) {
    case 0: break
    case 1: part(&self)
    default: whole(&self)
    }
    self.faults = faults
    met.append(.processKilled)
    kill(process)
  }

  // MARK: - Processes

  /// Ends a process: the kernel closes its descriptors, and what it wrote stays.
  mutating func kill(_ process: Int) {
    armed[process] = nil
    for mount in mounts.indices where mounts[mount].process == process { end(mount) }
  }

  private mutating func end(_ mount: Int) {
    mounts[mount].isDead = true
    for file in mounts[mount].files.values { tree.release(file.inode) }
    mounts[mount].files = [:]
  }

  mutating func crash() {
    armed = [:]
    for mount in mounts.indices { end(mount) }
    let loss = tree.crash(using: &random)
    met.append(.machineCrashed)
    met.append(contentsOf: repeatElement(.writeTorn, count: loss.tornFileCount))
    met.append(contentsOf: repeatElement(.nameLost, count: loss.lostNameCount))
  }

  // MARK: - Descriptors

  private mutating func open(
    _ inode: Int, of mount: Int, isWritable: Bool
  ) -> Int32 {
    let descriptor = mounts[mount].nextDescriptor
    mounts[mount].nextDescriptor += 1
    mounts[mount].files[descriptor] = OpenFile(inode: inode, isWritable: isWritable)
    tree.retain(inode)
    return descriptor
  }

  private func file(_ descriptor: Int32, of mount: Int) throws(Errno) -> OpenFile {
    guard let file = mounts[mount].files[descriptor] else { throw Errno(code: EBADF) }
    return file
  }

  /// Where a relative path starts.
  private func folder(_ descriptor: Int32, of mount: Int) throws(Errno) -> Int {
    if descriptor == AT_FDCWD { return 0 }
    return try file(descriptor, of: mount).inode
  }

  // MARK: - The calls

  mutating func open(
    _ path: String, in folder: Int32, of mount: Int, isFolder: Bool
  ) throws(Errno) -> Int32 {
    let inode = try tree.find(path, from: self.folder(folder, of: mount))
    if isFolder, !tree.inodes[inode].isFolder { throw Errno(code: ENOTDIR) }
    return open(inode, of: mount, isWritable: false)
  }

  mutating func create(_ path: String, in folder: Int32, of mount: Int) throws(Errno) -> Int32 {
    try refuseIfFull()
    let inode = try tree.make(
      path, from: self.folder(folder, of: mount), isFolder: false, nowSeconds: nowSeconds)
    return open(inode, of: mount, isWritable: true)
  }

  mutating func close(_ descriptor: Int32, of mount: Int) throws(Errno) {
    tree.release(try file(descriptor, of: mount).inode)
    mounts[mount].files[descriptor] = nil
  }

  mutating func write(
    _ bytes: ArraySlice<UInt8>, to descriptor: Int32, of mount: Int
  ) throws(Errno) {
    let file = try file(descriptor, of: mount)
    guard file.isWritable else { throw Errno(code: EBADF) }
    let room = max(faults.capacityByteCount - tree.usedByteCount, 0)
    tree.append(bytes.prefix(Int(clamping: room)), to: file.inode, nowSeconds: nowSeconds)
    if Int64(bytes.count) > room { throw outOfSpace() }
  }

  /// What is left of a write that was cut short.
  mutating func writePart(_ bytes: [UInt8], to descriptor: Int32, of mount: Int) {
    let count = Int.random(in: 0...bytes.count, using: &random)
    try? write(bytes[..<count], to: descriptor, of: mount)
  }

  func readAll(_ descriptor: Int32, of mount: Int) throws(Errno) -> [UInt8] {
    let inode = tree.inodes[try file(descriptor, of: mount).inode]
    if inode.isFolder { throw Errno(code: EISDIR) }
    return inode.bytes
  }

  mutating func sync(_ descriptor: Int32, of mount: Int) throws(Errno) {
    let inode = try file(descriptor, of: mount).inode
    if strikes(faults.syncFailureOneIn) {
      met.append(.syncFailed)
      // In one case of three the pages stay dirty, and the next sync does write them.
      let drop = Int.random(in: 0..<3, using: &random)
      if drop > 0 { tree.dropUnsynced(inode, areStillCached: drop == 1) }
      throw Errno(code: EIO)
    }
    tree.sync(inode)
  }

  mutating func makeFolder(_ path: String, in folder: Int32, of mount: Int) throws(Errno) {
    let start = try self.folder(folder, of: mount)
    do {
      _ = try tree.find(path, from: start)
    } catch {
      if error.code != ENOENT { throw error }
      try refuseIfFull()
      _ = try tree.make(path, from: start, isFolder: true, nowSeconds: nowSeconds)
      return
    }
    throw Errno(code: EEXIST)
  }

  mutating func link(
    _ path: String, as newPath: String, in folder: Int32, of mount: Int
  ) throws(Errno) {
    // A folder needs a new block only now and then.
    if random.oneIn(4) { try refuseIfFull() }
    try tree.link(
      path, as: newPath, from: self.folder(folder, of: mount), nowSeconds: nowSeconds)
    if strikes(faults.linkReportFailureOneIn) {
      met.append(.putReportedAsFailure)
      throw Errno(code: [EIO, ETIMEDOUT, EEXIST][Int.random(in: 0..<3, using: &random)])
    }
  }

  mutating func rename(
    _ path: String, as newPath: String, in folder: Int32, of mount: Int
  ) throws(Errno) {
    try tree.rename(
      path, as: newPath, from: self.folder(folder, of: mount), nowSeconds: nowSeconds)
  }

  mutating func unlink(_ path: String, in folder: Int32, of mount: Int) throws(Errno) {
    try tree.unlink(path, from: self.folder(folder, of: mount), nowSeconds: nowSeconds)
  }

  mutating func removeFolder(_ path: String, in folder: Int32, of mount: Int) throws(Errno) {
    try tree.removeFolder(path, from: self.folder(folder, of: mount), nowSeconds: nowSeconds)
  }

  func status(_ path: String, in folder: Int32, of mount: Int) throws(Errno) -> FileStatus {
    status(ofInode: try tree.find(path, from: self.folder(folder, of: mount)))
  }

  func status(_ descriptor: Int32, of mount: Int) throws(Errno) -> FileStatus {
    status(ofInode: try file(descriptor, of: mount).inode)
  }

  private func status(ofInode inode: Int) -> FileStatus {
    FileStatus(
      byteCount: Int64(tree.inodes[inode].bytes.count),
      modifiedSeconds: tree.inodes[inode].modifiedSeconds)
  }

  func names(in path: String, of folder: Int32, of mount: Int) throws(Errno) -> [String] {
    let inode = tree.inodes[try tree.find(path, from: self.folder(folder, of: mount))]
    if !inode.isFolder { throw Errno(code: ENOTDIR) }
    return inode.entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  var freeByteCount: Int64 { max(faults.capacityByteCount - tree.usedByteCount, 0) }

  // MARK: - Space

  private mutating func refuseIfFull() throws(Errno) {
    if freeByteCount == 0 { throw outOfSpace() }
  }

  private mutating func outOfSpace() -> Errno {
    met.append(.outOfSpace)
    return Errno(code: ENOSPC)
  }
}
