// SPDX-License-Identifier: Apache-2.0
#include "apply/mounts.hpp"

#include "apply/peer_groups.hpp"
#include "base/text.hpp"
#include "sys/host_fs.hpp"
#include "sys/mount.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace grapnel::apply {

namespace {

using sys::FileFacts;
using Kind = Mount::Kind;

Status check_source(const Mount& mount, const FileFacts& facts) {
    const auto& path = mount.host.text();
    if (mount.device) {
        const DeviceNumber number{facts.major, facts.minor};
        if (facts.type != FileFacts::Type::character_device || number != *mount.device)
            return refused(path + " changed while it was looked at", "start the container again");
        return {};
    }
    if (mount.directory != (facts.type == FileFacts::Type::directory))
        return refused(path + (mount.directory ? " is not a directory" : " is a directory"));
    const auto wanted = mount.kind == Kind::ipc ? FileFacts::Type::other : FileFacts::Type::regular;
    if (!mount.directory && facts.type != wanted)
        return refused(path
                       + (mount.kind == Kind::ipc ? " is no socket" : " is not a regular file"));
    return {};
}

Result<Source> open_source(const Mount& mount) {
    // the sockets lie where other users may write: a link there is not followed
    const auto last_link = mount.kind == Kind::ipc ? sys::LastLink::keep : sys::LastLink::follow;
    Source source{.mount = &mount};
    source.tree = GRAPNEL_TRY(sys::clone_tree(mount.host, last_link));
    source.facts = GRAPNEL_TRY(sys::facts(source.tree.ref(), ""));
    GRAPNEL_TRY(check_source(mount, source.facts));
    return source;
}

/// The tree of a view while it is filled; a directory is made once, with its parents.
class ViewMaker {
  public:
    explicit ViewMaker(sys::FdRef tree) : tree_(tree) {}

    Result<sys::FdRef> directory(const std::string& path) {
        if (path.empty())
            return tree_;
        if (const auto known = made_.find(path); known != made_.end())
            return known->second.ref();
        const auto [parent, name] = split_path(path);
        const auto above = GRAPNEL_TRY(directory(parent));
        auto made = GRAPNEL_TRY(sys::make_directory(above, name));
        return made_.emplace(path, std::move(made)).first->second.ref();
    }

    Status file(const View::File& file) {
        const auto [parent, name] = split_path(file.path);
        const auto above = GRAPNEL_TRY(directory(parent));
        return sys::make_file(above, name, file.text, 0444);
    }

  private:
    static std::pair<std::string, std::string> split_path(const std::string& path) {
        const auto slash = path.rfind('/');
        if (slash == std::string::npos)
            return {"", path};
        return {path.substr(0, slash), path.substr(slash + 1)};
    }

    sys::FdRef tree_;
    std::map<std::string, sys::Fd> made_ = {};
};

Result<sys::Fd> make_view(const View& view, const std::string& label) {
    auto tree = GRAPNEL_TRY(sys::new_tmpfs("1m", sys::own_user(), label));
    ViewMaker maker(tree.ref());
    for (const auto& directory : view.directories)
        GRAPNEL_TRY(maker.directory(directory));
    for (const auto& file : view.files)
        GRAPNEL_TRY(maker.file(file));
    return tree;
}

Status set_options(sys::FdRef tree, Kind kind, const std::string& name) {
    const sys::DetachedMount mount{.tree = tree, .options = mount_options(kind), .name = name};
    return sys::set_options({&mount, 1});
}

/// All at once: on Linux before 5.12 each call takes a process of its own.
Status set_options(const Plan& plan, const Sources& sources) {
    std::vector<sys::DetachedMount> mounts;
    for (const auto& source : sources.mounts)
        mounts.push_back({.tree = source.tree.ref(),
                          .options = mount_options(source.mount->kind),
                          .name = source.mount->host.text()});
    for (std::size_t i = 0; i < plan.views.size(); ++i)
        mounts.push_back({.tree = sources.views[i].ref(),
                          .options = mount_options(Kind::proc),
                          .name = plan.views[i].inside.text()});
    return sys::set_options(mounts);
}

/// A daemon that has just ended, a user's link in its place and a node that could not be made
/// keep no container from its GPU.
bool may_be_missing(const Plan& plan, const Mount& mount) {
    return mount.kind == Kind::ipc || std::ranges::any_of(plan.host_nodes, [&](const auto& node) {
               return node.optional && node.path == mount.host;
           });
}

class Attacher {
  public:
    Attacher(sys::RootDir& root, PeerGroups& peers) : root_(root), peers_(peers) {}

    /// Returns whether it was attached: it is not where it is already, from an earlier run or by
    /// the bundle.
    Result<bool> view(const View& view, sys::FdRef tree) {
        sys::MountPoint made;
        if (!view.must_exist)
            made = GRAPNEL_TRY(root_.mount_point(view.inside, true));
        const auto place = made.fd.valid() ? made.ref() : GRAPNEL_TRY(root_.directory(view.inside));
        const auto facts = made.fd.valid() ? made.facts : GRAPNEL_TRY(sys::facts(place, ""));
        if (facts.mount_root)
            return false;
        GRAPNEL_TRY(peers_.contain(place, facts, place, view.inside));
        GRAPNEL_TRY(sys::attach(tree, place, view.inside.text()));
        root_.is_covered(view.inside);
        return true;
    }

    /// A file of a view that is attached; an attached mount can be cloned, a detached one only by
    /// Linux 6.15 and newer.
    Status view_file(const Mount& mount, const View& view, sys::FdRef tree) {
        const auto path = mount.view_file.text().substr(view.inside.text().size() + 1);
        Source source{.mount = &mount};
        source.tree = GRAPNEL_TRY(sys::clone_attached_file(tree, path));
        GRAPNEL_TRY(set_options(source.tree.ref(), mount.kind, path));
        source.facts = GRAPNEL_TRY(sys::facts(source.tree.ref(), ""));
        return this->mount(source);
    }

    Status mount(const Source& source) {
        const auto& inside = source.mount->inside;
        const auto place = GRAPNEL_TRY(root_.mount_point(inside, source.mount->directory));
        if (place.facts.mount_root && place.facts.id() == source.facts.id())
            return {}; // an earlier run did it
        return attach(source.tree.ref(), place, inside);
    }

    Status link(const Link& link, const Plan& plan, const Sources& sources) {
        if ((link.optional || link.replaces_file) && lies_in_hosts_dev(link.inside))
            return {};
        using Replace = sys::RootDir::Replace;
        const auto replace = link.replaces_file ? Replace::small_files : Replace::links;
        if (GRAPNEL_TRY(root_.link(link.inside, link.target, replace)))
            return {};
        // a file of the image has the name: it is covered, not removed
        const auto* const library = target_of(link, plan, sources);
        if (library == nullptr)
            return refused(quote(link.inside.text()) + " in the root file system is no link",
                           "remove it from the image");
        const auto place = GRAPNEL_TRY(root_.mount_point(link.inside, false));
        if (place.facts.mount_root && place.facts.id() == library->facts.id())
            return {};
        const auto tree = GRAPNEL_TRY(sys::clone_attached(library->tree.ref()));
        GRAPNEL_TRY(set_options(tree.ref(), library->mount->kind, link.inside.text()));
        return attach(tree.ref(), place, link.inside);
    }

  private:
    Status attach(sys::FdRef tree, const sys::MountPoint& place, const InsidePath& inside) {
        const auto directory = GRAPNEL_TRY(root_.directory(inside.parent()));
        GRAPNEL_TRY(peers_.contain(place.ref(), place.facts, directory, inside));
        return sys::attach(tree, place.ref(), inside.text());
    }

    /// A user can have given the container the host's /dev or a part of it: a link made there would
    /// stay on the host, which makes its own.
    bool lies_in_hosts_dev(const InsidePath& path) {
        auto above = path.parent();
        auto place = root_.file_system(above);
        for (; !place && above.text() != "/"; place = root_.file_system(above))
            above = above.parent();
        return hosts_dev_ && place && hosts_dev_->device == *place;
    }

    /// The file that a link leads to, by way of another link if need be.
    static const Source* target_of(const Link& link, const Plan& plan, const Sources& sources) {
        auto place = destination(link);
        const auto next = std::ranges::find(plan.links, place, &Link::inside);
        if (next != plan.links.end())
            place = destination(*next);
        const auto found = std::ranges::find_if(
            sources.mounts, [&](const auto& source) { return source.mount->inside == place; });
        return found == sources.mounts.end() ? nullptr : &*found;
    }

    sys::RootDir& root_;
    PeerGroups& peers_;
    Result<FileFacts> hosts_dev_ = sys::host_facts(host_path("/dev"));
};

bool may_fail(const Link& link, const Error& error) {
    // a large file in the place of a link stays; a root file system that cannot be written is a
    // reason not to start
    return link.optional || (link.replaces_file && error.sys == 0);
}

template <typename Item>
bool may_fail(const Item& item, const Error& /*error*/) {
    return item.optional;
}

/// An image that spoils the target of an optional item lacks that item, and its container starts.
template <typename Item>
Status downgrade_optional(const Status& attached, const Item& item, Notices& notices) {
    if (attached || !may_fail(item, attached.error()) || sys::is_transient(attached.error()))
        return attached;
    notices.warn(item.inside.text() + " is left out: " + attached.error().text());
    return {};
}

/// The files of a view that the plan shows elsewhere. Without the view they are left out, with it.
Status attach_files(const Plan& plan, const View& view, sys::FdRef tree, Attacher& attacher,
                    Notices& notices) {
    for (const auto& mount : plan.mounts)
        if (mount.view_file.text().starts_with(view.inside.text() + "/"))
            GRAPNEL_TRY(downgrade_optional(attacher.view_file(mount, view, tree), mount, notices));
    return {};
}

} // namespace

Result<Sources> open_sources(const Plan& plan, const std::string& label) {
    Sources sources;
    sources.mounts.reserve(plan.mounts.size());
    for (const auto& mount : plan.mounts) {
        if (mount.host.empty() || (mount.device && !plan.bind_devices))
            continue; // a file of a view, or nothing that is shown
        auto source = open_source(mount);
        if (!source && may_be_missing(plan, mount) && !sys::is_transient(source.error()))
            sources.notices.warn(source.error().text());
        else
            sources.mounts.push_back(GRAPNEL_TRY(std::move(source)));
    }
    for (const auto& view : plan.views)
        sources.views.push_back(GRAPNEL_TRY(make_view(view, label).note(view.inside.text())));
    GRAPNEL_TRY(set_options(plan, sources));
    return sources;
}

Status attach_all(const Plan& plan, const Sources& sources,
                  const std::vector<std::uint64_t>& peer_groups, Container& container,
                  Notices& notices) {
    PeerGroups peers(peer_groups, container.root);
    Attacher attacher(container.root, peers);
    for (std::size_t i = 0; i < plan.views.size(); ++i) {
        const auto& view = plan.views[i];
        const auto tree = sources.views[i].ref();
        const auto attached = attacher.view(view, tree);
        if (!attached)
            GRAPNEL_TRY(downgrade_optional(attached.error(), view, notices));
        else if (*attached)
            GRAPNEL_TRY(attach_files(plan, view, tree, attacher, notices));
    }
    for (const auto& source : sources.mounts)
        GRAPNEL_TRY(downgrade_optional(attacher.mount(source), *source.mount, notices));
    for (const auto& link : plan.links)
        GRAPNEL_TRY(downgrade_optional(attacher.link(link, plan, sources), link, notices));
    return {};
}

} // namespace grapnel::apply
