import Base
import Glibc
import Storage

/// The inodes of a simulated disk: what processes see now, and what of it a crash of the machine
/// would leave.
///
///     folder   entries          what every process sees
///              durableEntries   what is on the platter
///              pending          the way from the one to the other, oldest first
///     file     bytes            what every process sees; only ever appended to
///              durableByteCount of them, from the front, are on the platter
///
/// **Invariants:** `durableEntries` with all of `pending` applied are `entries`; inode 0 is the
/// root; `usedByteCount` is the sum over all files that have a name or are open. No decision
/// follows the order of a dictionary.
struct DiskTree {
  /// A change of one name in a folder that no sync has made durable yet.
  struct EntryChange {
    enum Kind { case create, link, makeFolder, unlink }

    let kind: Kind
    let name: String
    /// What the name means after the change; nil for nothing.
    let inode: Int?
  }

  struct Inode {
    let isFolder: Bool
    var modifiedSeconds: Int64
    /// Names that processes see.
    var linkCount = 0
    /// Descriptors of living processes.
    var openCount = 0

    var bytes: [UInt8] = []
    var durableByteCount = 0
    /// Ranges that a failed sync dropped: counted as durable, but zeros after a crash.
    var dropped: [Range<Int>] = []

    var entries: [String: Int] = [:]
    var durableEntries: [String: Int] = [:]
    var pending: [EntryChange] = []
  }

  private(set) var inodes = [Inode(isFolder: true, modifiedSeconds: 0)]
  private(set) var usedByteCount: Int64 = 0
  /// Inodes that lost their last name since the last look for bytes nobody can reach.
  private var namelessCount = 0

  // MARK: - Looking

  /// The inode of a path from `folder`, or from the root if the path begins with `/`.
  func find(_ path: String, from folder: Int) throws(Errno) -> Int {
    var inode = path.utf8.first == UInt8(ascii: "/") ? 0 : folder
    for component in path.split(separator: "/") where component != "." {
      guard inodes[inode].isFolder else { throw Errno(code: ENOTDIR) }
      guard let next = inodes[inode].entries[String(component)] else { throw Errno(code: ENOENT) }
      inode = next
    }
    return inode
  }

  /// Every file's path from the root, without a leading `/`, sorted by bytes.
  func paths() -> [String] {
    var paths: [String] = []
    var folders = [(path: "", inode: 0)]
    while let folder = folders.popLast() {
      for (name, inode) in inodes[folder.inode].entries {
        let path = folder.path.isEmpty ? name : folder.path + "/" + name
        if inodes[inode].isFolder { folders.append((path, inode)) } else { paths.append(path) }
      }
    }
    return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The folder a path lies in, and the last component.
  private func parent(of path: String, from folder: Int) throws(Errno) -> (inode: Int, name: String)
  {
    let components = path.split(separator: "/")
    guard let name = components.last, name != "." else { throw Errno(code: EEXIST) }
    let start = path.utf8.first == UInt8(ascii: "/") ? "/" : ""
    let inode = try find(start + components.dropLast().joined(separator: "/"), from: folder)
    guard inodes[inode].isFolder else { throw Errno(code: ENOTDIR) }
    return (inode, String(name))
  }

  // MARK: - Changing

  /// A new file or folder under a free name.
  mutating func make(
    _ path: String, from folder: Int, isFolder: Bool, nowSeconds: Int64
  ) throws(Errno) -> Int {
    let (parent, name) = try parent(of: path, from: folder)
    if inodes[parent].entries[name] != nil { throw Errno(code: EEXIST) }
    inodes.append(Inode(isFolder: isFolder, modifiedSeconds: nowSeconds))
    let inode = inodes.count - 1
    change(parent, .init(kind: isFolder ? .makeFolder : .create, name: name, inode: inode))
    inodes[parent].modifiedSeconds = nowSeconds
    return inode
  }

  mutating func link(
    _ path: String, as newPath: String, from folder: Int, nowSeconds: Int64
  ) throws(Errno) {
    let inode = try find(path, from: folder)
    if inodes[inode].isFolder { throw Errno(code: EPERM) }
    let (parent, name) = try parent(of: newPath, from: folder)
    if inodes[parent].entries[name] != nil { throw Errno(code: EEXIST) }
    change(parent, .init(kind: .link, name: name, inode: inode))
    inodes[parent].modifiedSeconds = nowSeconds
  }

  mutating func unlink(_ path: String, from folder: Int, nowSeconds: Int64) throws(Errno) {
    let (parent, name) = try parent(of: path, from: folder)
    guard let inode = inodes[parent].entries[name] else { throw Errno(code: ENOENT) }
    if inodes[inode].isFolder { throw Errno(code: EISDIR) }
    change(parent, .init(kind: .unlink, name: name, inode: nil))
    inodes[parent].modifiedSeconds = nowSeconds
    inodes[inode].linkCount -= 1
    freeIfGone(inode)
  }

  mutating func removeFolder(_ path: String, from folder: Int, nowSeconds: Int64) throws(Errno) {
    let (parent, name) = try parent(of: path, from: folder)
    guard let inode = inodes[parent].entries[name] else { throw Errno(code: ENOENT) }
    guard inodes[inode].isFolder else { throw Errno(code: ENOTDIR) }
    guard inodes[inode].entries.isEmpty else { throw Errno(code: ENOTEMPTY) }
    change(parent, .init(kind: .unlink, name: name, inode: nil))
    inodes[parent].modifiedSeconds = nowSeconds
    inodes[inode].linkCount -= 1
    freeIfGone(inode)
  }

  /// Gives a file another name, which another file may lose by it. After a crash of the machine
  /// both names may be there, or the old one alone, or the new one; never a name without a file.
  mutating func rename(
    _ path: String, as newPath: String, from folder: Int, nowSeconds: Int64
  ) throws(Errno) {
    let inode = try find(path, from: folder)
    if inodes[inode].isFolder { throw Errno(code: EISDIR) }
    let (parent, name) = try parent(of: newPath, from: folder)
    let replaced = inodes[parent].entries[name]
    if let replaced, inodes[replaced].isFolder { throw Errno(code: EISDIR) }
    if replaced == inode { return }
    change(parent, .init(kind: .link, name: name, inode: inode))
    inodes[parent].modifiedSeconds = nowSeconds
    if let replaced {
      inodes[replaced].linkCount -= 1
      freeIfGone(replaced)
    }
    try unlink(path, from: folder, nowSeconds: nowSeconds)
  }

  private mutating func change(_ folder: Int, _ change: EntryChange) {
    inodes[folder].entries[change.name] = change.inode
    inodes[folder].pending.append(change)
    if let inode = change.inode { inodes[inode].linkCount += 1 }
  }

  mutating func append(_ bytes: ArraySlice<UInt8>, to inode: Int, nowSeconds: Int64) {
    inodes[inode].bytes.append(contentsOf: bytes)
    inodes[inode].modifiedSeconds = nowSeconds
    usedByteCount += Int64(bytes.count)
  }

  mutating func retain(_ inode: Int) { inodes[inode].openCount += 1 }

  mutating func release(_ inode: Int) {
    inodes[inode].openCount -= 1
    freeIfGone(inode)
  }

  private mutating func freeIfGone(_ inode: Int) {
    guard inodes[inode].linkCount == 0, inodes[inode].openCount == 0 else { return }
    usedByteCount -= Int64(inodes[inode].bytes.count)
    namelessCount += 1
  }

  /// Flips one bit of a file as a failing medium does: at once, and for good.
  mutating func flipBit(at position: Int, of inode: Int) { inodes[inode].bytes[position] ^= 0x10 }

  // MARK: - Durability

  /// Makes a file's bytes or a folder's names durable.
  mutating func sync(_ inode: Int) {
    inodes[inode].durableByteCount = inodes[inode].bytes.count
    let pending = inodes[inode].pending
    inodes[inode].pending = []
    for change in pending { inodes[inode].durableEntries[change.name] = change.inode }
    if namelessCount >= 256 { forgetUnreachable() }
  }

  /// What a failed sync of a file may do besides: its unsynced bytes are given up, and the next
  /// sync will not know. A folder's changes stay pending: journals retry or stop for good.
  mutating func dropUnsynced(_ inode: Int, areStillCached: Bool) {
    let range = inodes[inode].durableByteCount..<inodes[inode].bytes.count
    if range.isEmpty { return }
    inodes[inode].durableByteCount = range.upperBound
    inodes[inode].dropped.append(range)
    if !areStillCached { zero(range, of: inode) }
  }

  private mutating func zero(_ range: Range<Int>, of inode: Int) {
    for position in range { inodes[inode].bytes[position] = 0 }
  }

  /// What a crash of the machine took.
  struct Loss {
    var tornFileCount = 0
    var lostNameCount = 0
  }

  /// Leaves what a crash of the machine leaves. Of each folder's pending changes, each is kept or
  /// lost by itself; of a file's unsynced bytes all, some or none are kept, or others stand there.
  /// To be called with no file open.
  mutating func crash<Generator: RandomNumberGenerator>(
    using random: inout Generator
  ) -> Loss {
    var loss = Loss()
    for folder in inodes.indices where !inodes[folder].pending.isEmpty {
      loss.lostNameCount += keepSome(ofPendingIn: folder, using: &random)
    }
    let isReachable = recount()
    for inode in inodes.indices where isReachable[inode] && !inodes[inode].isFolder {
      if tear(inode, using: &random) { loss.tornFileCount += 1 }
    }
    usedByteCount = inodes.reduce(0) { $0 + Int64($1.bytes.count) }
    return loss
  }

  /// Returns how many linked files and made folders lost their name.
  private mutating func keepSome<Generator: RandomNumberGenerator>(
    ofPendingIn folder: Int, using random: inout Generator
  ) -> Int {
    let pending = inodes[folder].pending
    inodes[folder].pending = []
    // From "none was written" to "all were".
    let keptOfFour = Int.random(in: 0...4, using: &random)
    for change in pending where Int.random(in: 0..<4, using: &random) < keptOfFour {
      inodes[folder].durableEntries[change.name] = change.inode
    }
    let lost = pending.filter {
      ($0.kind == .link || $0.kind == .makeFolder) && inodes[folder].entries[$0.name] == $0.inode
        && inodes[folder].durableEntries[$0.name] != $0.inode
    }
    inodes[folder].entries = inodes[folder].durableEntries
    return lost.count
  }

  /// Decides about a file's unsynced bytes; true if they are not what was written.
  private mutating func tear<Generator: RandomNumberGenerator>(
    _ inode: Int, using random: inout Generator
  ) -> Bool {
    let unsynced = inodes[inode].durableByteCount..<inodes[inode].bytes.count
    let dropped = inodes[inode].dropped
    if unsynced.isEmpty, dropped.isEmpty { return false }
    let written = inodes[inode].bytes
    for range in dropped { zero(range, of: inode) }
    if !unsynced.isEmpty {
      let position = Int.random(in: unsynced, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: inodes[inode].bytes.removeLast(unsynced.count)
      case 1: inodes[inode].bytes.removeLast(unsynced.upperBound - position)
      case 2: zero(position..<unsynced.upperBound, of: inode)
      case 3:
        for position in position..<min(position + 512, unsynced.upperBound) {
          inodes[inode].bytes[position] = UInt8.random(in: 0...255, using: &random)
        }
      default: break  // All of it had been written back in time.
      }
    }
    inodes[inode].dropped = []
    inodes[inode].durableByteCount = inodes[inode].bytes.count
    return inodes[inode].bytes != written
  }

  // MARK: - Reachability

  /// Counts names anew, and empties what has none; which inodes have one, or are the root.
  private mutating func recount() -> [Bool] {
    var linkCounts = [Int](repeating: 0, count: inodes.count)
    linkCounts[0] = 1
    var folders = [0]
    while let folder = folders.popLast() {
      for inode in inodes[folder].entries.values {
        linkCounts[inode] += 1
        if inodes[inode].isFolder { folders.append(inode) }
      }
    }
    for inode in inodes.indices {
      inodes[inode].linkCount = linkCounts[inode]
      inodes[inode].openCount = 0
      if linkCounts[inode] == 0 { empty(inode) }
    }
    namelessCount = 0
    return linkCounts.map { $0 > 0 }
  }

  /// Empties the files that no name, descriptor or crash can bring back.
  private mutating func forgetUnreachable() {
    namelessCount = 0
    var isHeld = [Bool](repeating: false, count: inodes.count)
    for folder in inodes where folder.isFolder {
      for inode in folder.entries.values { isHeld[inode] = true }
      for inode in folder.durableEntries.values { isHeld[inode] = true }
      for change in folder.pending { if let inode = change.inode { isHeld[inode] = true } }
    }
    for inode in inodes.indices.dropFirst() where !isHeld[inode] && inodes[inode].openCount == 0 {
      empty(inode)
    }
  }

  private mutating func empty(_ inode: Int) {
    inodes[inode] = Inode(
      isFolder: inodes[inode].isFolder, modifiedSeconds: inodes[inode].modifiedSeconds)
  }
}
