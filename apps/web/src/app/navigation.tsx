import {
  IconBolt,
  IconBox,
  IconDatabase,
  IconHome,
  IconProgress,
  IconSettings,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import classes from './shell.module.css';

const places = [
  { to: '/', label: 'Home', icon: IconHome },
  { to: '/datasets', label: 'Data sets', icon: IconDatabase },
  { to: '/jobs', label: 'Jobs', icon: IconProgress },
  { to: '/models', label: 'Models', icon: IconBox },
  { to: '/endpoints', label: 'Endpoints', icon: IconBolt },
  { to: '/settings', label: 'Settings', icon: IconSettings },
] as const;

export function Navigation({ onGo }: { onGo?: () => void }) {
  return (
    <nav aria-label="Main">
      {places.map(({ to, label, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          className={classes.link}
          activeOptions={{ exact: to === '/' }}
          onClick={onGo}
        >
          <Icon size={18} stroke={1.7} aria-hidden />
          {label}
        </Link>
      ))}
    </nav>
  );
}

export function Brand() {
  return (
    <Link to="/" className={classes.brand}>
      <img src="/favicon.svg" alt="" width={22} height={22} />
      Vanda
    </Link>
  );
}
