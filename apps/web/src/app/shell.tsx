import { ActionIcon, Button, Drawer, Group, Kbd, Menu, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconLogout, IconMenu2, IconPlus, IconSearch, IconUser } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouter } from '@tanstack/react-router';
import { VandaError } from '@vanda/contracts';
import { lazy, Suspense, useEffect, useState } from 'react';
import { meQuery, signOut } from '../features/accounts/session.ts';
import { UploadTray } from '../features/datasets/upload-tray.tsx';
import type { LiveState } from '../lib/live.ts';
import { ProblemNote } from '../ui/problem-note.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { Brand, Navigation } from './navigation.tsx';
import classes from './shell.module.css';
import { useLiveProject } from './use-live-project.ts';
import { useShortcuts } from './use-shortcuts.ts';

const Search = lazy(() => import('./search.tsx'));

/** The frame around every page of a signed-in person. */
export function Shell() {
  const me = useQuery(meQuery);
  if (me.error instanceof VandaError && me.error.code === 'unauthenticated') {
    return <ToSignIn />;
  }
  if (me.error && !me.data) {
    return <ProblemNote error={me.error} retry={() => void me.refetch()} />;
  }
  if (!me.data) return null;
  return <Frame user={me.data.user?.name || me.data.user?.email || me.data.project.name} />;
}

/** Redirects once; the address to come back to is the one that was asked for. */
function ToSignIn() {
  const router = useRouter();
  useEffect(() => {
    const { href, pathname } = router.state.location;
    if (pathname === '/sign-in') return;
    void router.navigate({ to: '/sign-in', search: { next: href }, replace: true });
  }, [router]);
  return null;
}

function Frame({ user }: { user: string }) {
  const live = useLiveProject();
  const [help, helpDialog] = useDisclosure(false);
  const [drawer, drawerPanel] = useDisclosure(false);
  // The search box is fetched at its first use, then stays.
  const [searchWanted, setSearchWanted] = useState(0);
  const openSearch = () => setSearchWanted((times) => times + 1);
  useShortcuts(openSearch, helpDialog.open);
  return (
    <div className={classes.frame}>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <header className={classes.top}>
        <Brand />
        <Group gap={4}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Search"
            onClick={openSearch}
            size="lg"
          >
            <IconSearch size={18} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Menu"
            onClick={drawerPanel.open}
            size="lg"
          >
            <IconMenu2 size={18} />
          </ActionIcon>
        </Group>
      </header>
      <aside className={classes.side}>
        <Brand />
        <SideActions openSearch={openSearch} />
        <Navigation />
        <Foot live={live} user={user} openHelp={helpDialog.open} />
      </aside>
      <Drawer opened={drawer} onClose={drawerPanel.close} title="Vanda" size="xs" position="right">
        <SideActions openSearch={openSearch} onGo={drawerPanel.close} />
        <Navigation onGo={drawerPanel.close} />
        <Foot live={live} user={user} openHelp={helpDialog.open} />
      </Drawer>
      <main className={classes.main} id="main" tabIndex={-1}>
        <div className={classes.inner}>
          <Reconnecting live={live} />
          <Outlet />
        </div>
      </main>
      <UploadTray />
      <HelpDialog opened={help} onClose={helpDialog.close} />
      {searchWanted > 0 && (
        <Suspense fallback={null}>
          <Search wanted={searchWanted} />
        </Suspense>
      )}
    </div>
  );
}

function SideActions({ openSearch, onGo }: { openSearch: () => void; onGo?: () => void }) {
  return (
    <>
      <Button
        renderRoot={(props) => <Link to="/new" {...props} onClick={onGo} />}
        leftSection={<IconPlus size={16} aria-hidden />}
        mb={6}
        fullWidth
      >
        New model
      </Button>
      <UnstyledButton
        className={classes.link}
        mb={6}
        onClick={() => {
          onGo?.();
          openSearch();
        }}
      >
        <IconSearch size={18} stroke={1.7} aria-hidden />
        <Text size="sm" flex={1} span>
          Search
        </Text>
        <Kbd size="xs" aria-hidden>
          /
        </Kbd>
      </UnstyledButton>
    </>
  );
}

function Reconnecting({ live }: { live: LiveState }) {
  if (live !== 'reconnecting') return null;
  return (
    <Text role="status" size="sm" c="var(--vanda-warn)" mb="sm">
      Reconnecting… what you see may be a little old; running jobs go on.
    </Text>
  );
}

function Foot(props: { live: LiveState; user: string; openHelp: () => void }) {
  const navigate = useNavigate();
  const leave = async () => {
    await signOut();
    await navigate({ to: '/sign-in' });
  };
  return (
    <div className={classes.foot}>
      <Group gap={8} px={10} wrap="nowrap">
        <span className={classes.dot} data-state={props.live} />
        <Text size="xs" c="dimmed" role="status">
          {props.live === 'live'
            ? 'Live'
            : props.live === 'connecting'
              ? 'Connecting…'
              : 'Reconnecting…'}
        </Text>
      </Group>
      <Menu position="top-start" width={200}>
        <Menu.Target>
          <UnstyledButton className={classes.link}>
            <IconUser size={18} stroke={1.7} aria-hidden />
            <Text size="sm" truncate span>
              {props.user}
            </Text>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={props.openHelp} rightSection={<Kbd size="xs">?</Kbd>}>
            Keyboard shortcuts
          </Menu.Item>
          <Menu.Item component="a" href="/api/docs">
            REST API
          </Menu.Item>
          <Menu.Item
            leftSection={<IconLogout size={16} aria-hidden />}
            onClick={() => void leave()}
          >
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
