import { queryClient, sessionQuery } from '../../api';
import { profileQuery } from '../Person';

export const ownQuery = profileQuery('me');

export async function refreshProfile() {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ['profile'] }),
    queryClient.invalidateQueries(sessionQuery),
    queryClient.invalidateQueries({ queryKey: ['viewers'] }),
  ]);
}
